import type { OpenField } from '#contracts';
import { isJsonObject, JsonNumber, parseExactJson, writeExactJson, type Json } from '#schema';
import type { Missing, Resolved } from './plan.ts';
import { hash } from './request.ts';
import type { Validator } from './validator.ts';

/** Looks up what a document left open; undefined where nothing is bound yet. */
export type Lookup = (field: OpenField) => string | undefined;

/** Name and key of what a field waits for. */
export const waitsFor = (field: OpenField): Missing =>
  'reference' in field
    ? { kind: 'reference', name: field.reference.document, key: field.reference.key }
    : { kind: 'value', name: field.values.set, key: field.values.from };

/**
 * Fills the open fields, makes the bytes with and without `createOnly` fields, and validates what will be sent: a create
 * carries them, everything else does not. Called just before the first attempt of a revision.
 */
export function resolveBody(
  body: string,
  open: readonly OpenField[],
  createOnly: readonly string[],
  lookup: Lookup,
  schema: Validator | undefined,
): Resolved {
  const missing: Missing[] = [];
  const json = parseExactJson(body);
  for (const field of open) {
    const value = lookup(field);
    if (value === undefined) missing.push(waitsFor(field));
    else if (field.as === 'number' && !NUMBER.test(value))
      return { ok: false, problem: 'invalid', message: `${field.pointer}: takes a number, what is filled in is none` };
    else if (!put(json, field.pointer, field.as === 'number' ? new JsonNumber(value) : value))
      return { ok: false, problem: 'invalid', message: `nothing to fill at ${field.pointer}` };
  }
  if (missing.length > 0) return { ok: false, problem: 'missing', missing };
  const problems = schema?.validate(json) ?? [];
  const create = writeExactJson(json);
  for (const pointer of createOnly) drop(json, pointer);
  const content = createOnly.length > 0 ? writeExactJson(json) : create;
  const first = problems[0];
  if (first !== undefined) return { ok: false, problem: 'invalid', message: `${first.path || '/'}: ${first.message}` };
  return { ok: true, create, content, contentHash: hash(content) };
}

const steps = (pointer: string): string[] =>
  pointer
    .split('/')
    .slice(1)
    .map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'));

function parentOf(json: Json, path: readonly string[]): Json | undefined {
  let at: Json | undefined = json;
  for (const step of path.slice(0, -1)) {
    if (Array.isArray(at)) at = at[Number(step)];
    else if (isJsonObject(at)) at = at[step];
    else return undefined;
  }
  return at;
}

/** Whether a field left open can be filled in: its parent is there, it is not. */
export function hasPlace(json: Json, pointer: string): boolean {
  const path = steps(pointer);
  const parent = parentOf(json, path);
  const name = path.at(-1);
  if (name === undefined) return false;
  if (Array.isArray(parent)) return Number(name) === parent.length;
  return isJsonObject(parent) && !Object.hasOwn(parent, name);
}

/** What JSON takes as a number, without exponent: ids and codes. */
const NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?$/;

function put(json: Json, pointer: string, value: Json): boolean {
  const path = steps(pointer);
  const parent = parentOf(json, path);
  const name = path.at(-1);
  if (name === undefined) return false;
  if (Array.isArray(parent)) {
    const index = Number(name);
    if (!Number.isInteger(index) || index < 0 || index > parent.length) return false;
    parent[index] = value;
    return true;
  }
  if (!isJsonObject(parent)) return false;
  parent[name] = value;
  return true;
}

function drop(json: Json, pointer: string): void {
  const path = steps(pointer);
  const parent = parentOf(json, path);
  const name = path.at(-1);
  if (name !== undefined && isJsonObject(parent)) delete parent[name];
}
