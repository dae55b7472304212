import { Decimal } from '#contracts';
import { isJsonObject, JsonNumber } from '#schema';
import type { Json } from '#schema';
import type { Expression } from './expression.ts';
import { Refusal } from './scope.ts';
import type { Scope, Source, Value } from './scope.ts';
import type { Context } from './context.ts';
import type { Shape } from './shape.ts';
import { DECIMAL_TEXT } from './units.ts';
import { DECIMAL, describe } from './shape.ts';
import type { At } from './yaml.ts';

const SEGMENT = /^(?:([A-Za-z_][A-Za-z0-9_-]*)|\["((?:[^"\\]|\\.)*)"\])/;

/** `custom.region`, `custom["a b"]`, `total.amount` -> the names in it; undefined when it is no path. */
export function parsePath(text: string): string[] | undefined {
  const names: string[] = [];
  let rest = text;
  while (rest !== '') {
    if (names.length > 0 && rest.startsWith('.')) rest = rest.slice(1);
    else if (names.length > 0 && !rest.startsWith('[')) return undefined;
    const match = SEGMENT.exec(rest);
    if (!match) return undefined;
    names.push(match[1] ?? match[2]!.replace(/\\(.)/g, '$1'));
    rest = rest.slice(match[0].length);
  }
  return names.length > 0 ? names : undefined;
}

/** A field found by its path. `lists` says where the path goes through a list: then it has many values. */
interface Found {
  shape: Shape;
  optional: boolean;
  entity?: string;
  /** as lineage writes it */
  read: string;
  /** index of the last name that is a list gone through, or -1 */
  lists: number[];
  /** from this name on anything may stand there, also what has no fields */
  anyFrom?: number;
}

/** Follows a path through a shape; a mistake becomes a finding that names the closest field. */
export function follow(
  names: readonly string[],
  from: Shape,
  prefix: string,
  at: At,
  context: Context,
): Found | undefined {
  let shape = from;
  let optional = false;
  let entity: string | undefined;
  let read = prefix;
  const lists: number[] = [];
  for (let index = 0; index < names.length; index++) {
    const name = names[index]!;
    if (shape.kind === 'list') {
      lists.push(index - 1);
      read += '[]';
      shape = shape.item;
    }
    const dot = read === '' || read.endsWith('.') ? '' : '.';
    if (shape.kind === 'any') return { shape, optional: true, read: read + dot + name, lists, anyFrom: index };
    if (shape.kind === 'map') {
      shape = shape.values;
      optional = true;
      read += dot + name;
      continue;
    }
    if (shape.kind !== 'record')
      return context.findings.add(
        at,
        `${names.slice(0, index).join('.')} is ${describe(shape)} and has no field ${name}`,
      );
    const field = shape.fields.get(name);
    if (!field) {
      if (shape.open)
        return { shape: { kind: 'any' }, optional: true, read: read + dot + name, lists, anyFrom: index + 1 };
      const here = prefix === '' ? context.sourceName : prefix.slice(0, -1);
      const owner = index === 0 ? here : names.slice(0, index).join('.');
      return context.findings.unknown(at, `${owner} has no field ${name}`, name, shape.fields.keys());
    }
    shape = field.shape;
    optional ||= field.optional;
    entity = field.entity;
    read += dot + name;
  }
  return { shape, optional, entity, read, lists };
}

/** A path of one value: of the item inside `each`, of the record with `$record.` before it. */
export function pathExpression(text: string, at: At, context: Context): Expression | undefined {
  const ofRecord = text.startsWith('$record.');
  const names = parsePath(ofRecord ? text.slice('$record.'.length) : text);
  if (!names)
    return context.findings.add(
      at,
      `${JSON.stringify(text)} is not a path`,
      'a path looks like total.amount or custom["a b"]',
    );
  const shared = context.group?.keys.has(names.join('.')) ?? false;
  if (!ofRecord && !shared && !ofItem(text, at, context, `add it to group, or say sum: $group.${text}`))
    return undefined;
  const from = ofRecord ? context.record : context.item;
  const found = follow(names, from, ofRecord ? '' : context.itemRead, at, context);
  if (!found) return undefined;
  if (found.lists.length > 0) {
    const list = names.slice(0, found.lists[0]! + 1).join('.');
    return context.findings.add(
      at,
      `${list} is a list, so ${text} has many values`,
      `use each: ${list}, or sum: ${text}`,
    );
  }
  const get = getter(names, ofRecord, context.json ? fromJson(found.shape) : undefined, found.anyFrom);
  const shape = context.json && found.shape.kind === 'decimal' ? { ...DECIMAL, scale: undefined } : found.shape;
  const whole = found.entity !== undefined || (found.shape.kind === 'text' && found.shape.format === 'id');
  return { shape, at, optional: found.optional, reads: [found.read], run: get, entity: found.entity, whole };
}

/** Whether something of one item can be read here: neither among groups nor where one value is for all items. A finding where it cannot. */
export function ofItem(text: string, at: At, context: Context, suggestion?: string): boolean {
  if (context.ofAll) {
    context.findings.add(
      at,
      `of is one total for all items, so it cannot read ${text}`,
      'name a field of the record: $record.tax.amount',
    );
    return false;
  }
  if (!context.group) return true;
  context.findings.add(at, `${text} is a field of one item, but these are groups`, suggestion);
  return false;
}

/** Reads one field. Absent is undefined; null only where the source explicitly cleared it (or something around it). */
function getter(
  names: readonly string[],
  ofRecord: boolean,
  convert: ((value: Value) => Value) | undefined,
  anyFrom?: number,
) {
  if (convert)
    return (scope: Scope): Value => {
      const value = readPath(ofRecord ? scope.record : scope.item, names, anyFrom);
      return value === null || value === undefined ? value : convert(value);
    };
  const path = names.join('.');
  const [first, second] = names as [string, string?];
  const raw: (source: Source) => Value =
    names.length === 1
      ? (source) => source[first]
      : names.length === 2
        ? (source) => {
            const outer = source[first] as Source | null | undefined;
            return outer === null || outer === undefined ? outer : outer[second!];
          }
        : (source) => {
            let value: Value = source;
            for (const name of names) {
              if (value === null || value === undefined) return value;
              value = (value as Source)[name];
            }
            return value;
          };
  const nothing = (scope: Scope): null | undefined => {
    if (scope.cleared === undefined) return undefined;
    return isCleared(scope.cleared, (ofRecord ? '' : scope.itemPath) + path) ? null : undefined;
  };
  // two thirds of all paths are one name: they are worth a closure less
  if (names.length === 1 && !ofRecord) return (scope: Scope): Value => scope.item[first] ?? nothing(scope);
  return (scope: Scope): Value => raw(ofRecord ? scope.record : scope.item) ?? nothing(scope);
}

/**
 * What stands at a path of exact JSON, in which anything may stand. What has no fields is refused, and not taken for absent, but for
 * where the schema lets anything stand.
 */
export function readPath(source: Source, names: readonly string[], anyFrom = Infinity): Value {
  let value: Value = source;
  for (let index = 0; index < names.length; index++) {
    if (value === null || value === undefined) return value;
    if (!isJsonObject(value as Json) && index >= anyFrom) return undefined;
    if (!isJsonObject(value as Json)) throw new Refusal(`${names.slice(0, index).join('.')} is not an object`);
    value = (value as Source)[names[index]!];
  }
  return value;
}

function isCleared(cleared: ReadonlySet<string>, path: string): boolean {
  for (let at = path.length; at > 0; at = Math.max(path.lastIndexOf('.', at - 1), path.lastIndexOf('[', at - 1)))
    if (cleared.has(path.slice(0, at))) return true;
  return false;
}

/** What a double can be written out as has up to 1,074 fraction digits. More is refused unread: a product of two with a hundred thousand takes seconds. */
const NUMBER_TEXT = /^-?\d{1,30}(?:\.\d{1,1100})?(?:[eE][+-]?\d{1,9})?$/;

/** Twice what decimal(38,9) holds. */
const LARGEST_EXPONENT = 80;

/** Source side only: a value of exact JSON in the form that operators take; what does not fit its schema is refused. */
export function fromJson(shape: Shape): (value: Value) => Value {
  const refuse = (): never => {
    throw new Refusal(`a value is not ${describe(shape)}`);
  };
  switch (shape.kind) {
    case 'decimal':
      return (value) => {
        if (value instanceof JsonNumber) {
          if (!NUMBER_TEXT.test(value.text)) return refuse();
          const decimal = new Decimal(value.text);
          return Math.abs(decimal.e) <= LARGEST_EXPONENT ? decimal : refuse(); // 1e999999999 would be written out
        }
        if (typeof value === 'string' && DECIMAL_TEXT.test(value)) return new Decimal(value);
        return refuse();
      };
    case 'integer':
      return (value) =>
        value instanceof JsonNumber && /^-?\d{1,19}$/.test(value.text) ? BigInt(value.text) : refuse();
    case 'boolean':
      return (value) => (typeof value === 'boolean' ? value : refuse());
    case 'text':
      return (value) => (typeof value === 'string' ? value : refuse());
    case 'enum':
      return (value) => (typeof value === 'string' && shape.symbols.includes(value) ? value : refuse());
    case 'list':
      return (value) => (Array.isArray(value) ? value : refuse());
    default:
      return (value) => value;
  }
}
