import { conditionOf } from './condition.ts';
import type { Condition } from './condition.ts';
import type { JsonObject } from '#schema';
import type { Context } from './context.ts';
import { describe } from './shape.ts';
import type { Scope } from './scope.ts';
import { JsonNumber } from '#schema';
import type { Field, RecordShape, Shape } from './shape.ts';
import { entryOf } from './yaml.ts';
import type { At, Entry, Mapping, Tree } from './yaml.ts';

/** Writes one field, or all fields, of an object of the document. */
export type Put = (scope: Scope, out: JsonObject) => void;

export type ObjectOf = (
  node: Tree,
  target: RecordShape,
  keyAt: At,
  pointer: string,
  context: Context,
) => Put | undefined;

export interface Builder {
  name: string;
  field: Field;
  /** JSON pointer below the nearest item of a list */
  at: string;
  entry: Entry;
  context: Context;
  /** checks the fields of an object within; handed in, so that the files of this room stand in one line */
  object: ObjectOf;
}

export function keysOf(node: Mapping, allowed: readonly string[], context: Context): boolean {
  let good = true;
  for (const entry of node.entries)
    if (!allowed.includes(entry.key)) {
      context.findings.unknown(entry.keyAt, `${entry.key} cannot stand beside ${allowed[0]!}`, entry.key, allowed);
      good = false;
    }
  return good;
}

export function whenOf(node: Mapping, context: Context): Condition | undefined | 'wrong' {
  const entry = entryOf(node, 'when');
  if (!entry) return undefined;
  const condition = conditionOf(entry.value, context);
  for (const read of condition?.reads ?? []) context.lineage.reads.add(read);
  return condition ?? 'wrong';
}

export function missingOf(node: Mapping, context: Context): 'reject' | 'hold' | undefined {
  const found = entryOf(node, 'missing')?.value;
  if (!found) return undefined;
  if (found.kind === 'scalar' && (found.value === 'reject' || found.value === 'hold')) return found.value;
  return context.findings.unknown(found.at, 'missing is reject or hold', found.kind === 'scalar' ? found.text : '', [
    'reject',
    'hold',
  ]);
}

export function recordOf(shape: Shape): RecordShape | undefined {
  if (shape.kind === 'record') return shape;
  if (shape.kind === 'any' || shape.kind === 'map') return { kind: 'record', fields: new Map(), open: true };
  return undefined;
}

export function itemOf({ field, entry, context }: Builder): RecordShape | undefined {
  const item =
    field.shape.kind === 'list'
      ? recordOf(field.shape.item)
      : field.shape.kind === 'any'
        ? recordOf(field.shape)
        : undefined;
  if (!item)
    context.findings.add(entry.keyAt, `${context.targetPath} takes ${describe(field.shape)}, not a list of objects`);
  return item;
}

/** The path of a target's field as `$target.` names it: without the marks of lists. */
export const dotted = (path: string): string => path.replaceAll('[]', '');

/** Sources that are JSON may hold anything where their schema says object. */
export function isObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof JsonNumber);
}
