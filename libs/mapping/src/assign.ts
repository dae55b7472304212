import { Decimal } from '#contracts';
import { JsonNumber } from '#schema';
import type { Json, JsonObject } from '#schema';
import type { Context } from './context.ts';
import type { Expression } from './expression.ts';
import { suggest } from './findings.ts';
import { isoOf } from './iso.ts';
import type { Source, Value } from './scope.ts';
import { describe } from './shape.ts';
import type { Shape } from './shape.ts';
import { DECIMAL_TEXT, decimalText } from './units.ts';
import type { At } from './yaml.ts';

/** Turns a value into the Json of the target. */
export type Encode = (value: NonNullable<Value>) => Json;

/**
 * Whether what an expression gives fits a field of the target, and how it is written there. What does not fit is a
 * finding that says what would.
 */
export function assign(from: Expression, to: Shape, name: string, context: Context): Encode | undefined {
  const { findings } = context;
  const say = (message: string, suggestion?: string): undefined =>
    findings.add(from.at, `${name}: ${message}`, suggestion);
  const source = from.shape;
  if (from.unrounded)
    return say('the digits of this product are not bounded', 'add decimal: { scale: 2, round: half-up }');
  if (from.constants && !constantsFit(from.constants, to, name, context)) return undefined;
  if (from.filled && ['text', 'enum', 'integer', 'decimal'].includes(to.kind)) return encodeText;
  if (to.kind === 'any') return source.kind === 'decimal' ? decimalEncoder(fixedScale(from), source.as) : encodeAny;
  const digits = from.constants?.every(({ value }) => typeof value === 'string' && DECIMAL_TEXT.test(value));
  if (to.kind === 'decimal' && to.as === 'string' && source.kind === 'enum' && digits) return encodeText;
  const wrong = (suggestion?: string): undefined =>
    say(`takes ${describe(to)}, but this is ${describe(source)}`, suggestion);

  switch (source.kind) {
    case 'any':
      if (to.kind === 'record' || to.kind === 'list' || to.kind === 'map') return encodeAny;
      return say(
        `takes ${describe(to)}, but nothing is known of this value`,
        'describe it in the schema of the source',
      );
    case 'enum':
      if (to.kind === 'enum') {
        const foreign = source.symbols.filter((symbol) => !to.symbols.includes(symbol));
        if (foreign.length === 0) return encodeText;
        return say(`does not take ${foreign.join(', ')}`, 'add map: { ... } with a value for each symbol');
      }
      if (to.kind === 'text')
        return textFits(from, to, name, longest(source.symbols), context) ? encodeText : undefined;
      return wrong();
    case 'text':
      if (to.kind === 'text') return textFits(from, to, name, source.maxLength, context) ? encodeText : undefined;
      if (to.kind === 'enum') return wrong('add map: { ... } and unmapped: reject or hold');
      if (to.kind === 'decimal') return wrong('add decimal: { scale: 2, round: half-up }');
      if (to.kind === 'instant') return source.format === 'date-time' ? encodeText : wrong('add datetime: { }');
      if (to.kind === 'date') return source.format === 'date' ? encodeText : wrong('add date: { format: YYYY-MM-DD }');
      return wrong();
    case 'integer':
      if (to.kind === 'integer') return encodeInteger;
      if (to.kind === 'text') return to.format ? wrong() : (value) => String(value);
      if (to.kind === 'decimal')
        return say(
          'a decimal belongs here, but this is a whole number',
          'name a decimal field, or say decimal: { scale: 0, round: exact } if it is meant',
        );
      return wrong();
    case 'decimal':
      if (to.kind === 'decimal') {
        // a canonical record refuses more digits by name when it is read
        const tooFine = to.scale !== undefined && (source.scale === undefined || source.scale > to.scale);
        if (tooFine && !context.canonicalTarget)
          return say(
            `takes at most ${to.scale} fraction digits, but this has ${source.scale === undefined ? 'any number' : `up to ${source.scale}`}`,
            `add decimal: { scale: ${Math.min(2, to.scale ?? 2)}, round: half-up }`,
          );
        return decimalEncoder(fixedScale(from), to.as);
      }
      if (to.kind === 'text' && to.format === undefined) return decimalEncoder(fixedScale(from), 'string');
      if (to.kind === 'integer')
        return source.scale === 0 ? decimalEncoder(0, 'number') : wrong('add decimal: { scale: 0, round: half-up }');
      return wrong();
    case 'boolean':
      return to.kind === 'boolean' ? (value) => value as boolean : wrong('add map: { true: ..., false: ... }');
    case 'instant':
      if (to.kind === 'instant' || (to.kind === 'text' && to.format === 'date-time'))
        return (value) => isoOf((value as Date).getTime());
      return wrong(
        to.kind === 'date' || (to.kind === 'text' && to.format === 'date')
          ? 'add date: { zone: $zone }'
          : 'add datetime: { zone: $zone } or date: { zone: $zone }',
      );
    case 'date':
      if (to.kind === 'date' || (to.kind === 'text' && to.format !== 'date-time')) return encodeText;
      return wrong();
    case 'list':
      if (to.kind !== 'list') return wrong();
      return listEncoder(from, source.item, to.item, name, context);
    case 'map':
      if (to.kind === 'map' || (to.kind === 'record' && to.open && to.fields.size === 0)) return encodeAny;
      return wrong(`name one key, e.g. ${name}: custom.region`);
    case 'record':
      return to.kind === 'record' ? wrong('say which fields: add fields: { ... }') : wrong('name one of its fields');
  }
}

function constantsFit(
  constants: readonly { value: string | boolean; at: At }[],
  to: Shape,
  name: string,
  context: Context,
): boolean {
  let fits = true;
  const say = (at: At, message: string, suggestion?: string): void => {
    context.findings.add(at, `${name}: ${message}`, suggestion);
    fits = false;
  };
  for (const { value, at } of constants) {
    if (to.kind === 'enum') {
      if (!to.symbols.includes(String(value)))
        say(at, `takes ${describe(to)}, not ${String(value)}`, suggest(String(value), to.symbols));
    } else if (to.kind === 'text' && typeof value === 'string') {
      if (to.maxLength !== undefined && [...value].length > to.maxLength)
        say(at, `${JSON.stringify(value)} is longer than ${to.maxLength} characters`);
      else if (to.pattern !== undefined && !matches(to.pattern, value))
        say(at, `${JSON.stringify(value)} does not match ${to.pattern}`);
    }
  }
  return fits;
}

/** The pattern is of a schema in the repository or the user's folder, the text of a mapping: both read at start only. */
function matches(pattern: string, value: string): boolean {
  try {
    return new RegExp(pattern, 'u').test(value);
  } catch {
    return true;
  }
}

function textFits(
  from: Expression,
  to: Shape & { kind: 'text' },
  name: string,
  longestText: number | undefined,
  context: Context,
): boolean {
  if (to.format === 'date' || to.format === 'date-time') {
    const same = from.shape.kind === 'text' && from.shape.format === to.format;
    if (!same)
      context.findings.add(
        from.at,
        `${name}: takes ${describe(to)}, but this is ${describe(from.shape)}`,
        `add ${to.format === 'date' ? 'date' : 'datetime'}: { ... }`,
      );
    return same;
  }
  // a canonical record's codes are checked as such when it is read, with better words than a length
  if (to.maxLength === undefined || from.whole || context.canonicalTarget) return true;
  if (longestText !== undefined && longestText <= to.maxLength) return true;
  context.findings.add(
    from.at,
    `${name}: takes at most ${to.maxLength} characters, but this may be longer`,
    `add then: [{ truncate: ${to.maxLength} }], or [{ limit: ${to.maxLength} }] to refuse what is longer`,
  );
  return false;
}

function longest(texts: readonly string[]): number {
  return Math.max(0, ...texts.map((text) => [...text].length));
}

/** The value as it is: text, enums, dates. */
export const encodeText: Encode = (value) => value as string;
const encodeInteger: Encode = (value) => new JsonNumber(String(value));

/** A `decimal` step fixes how many digits are written: 10.1 with scale 2 is `10.10`. */
function fixedScale(from: Expression): number | undefined {
  return from.fixed;
}

function decimalEncoder(scale: number | undefined, as: 'string' | 'number'): Encode {
  if (as === 'number') return (value) => new JsonNumber(decimalText(value as Decimal, scale));
  return (value) => decimalText(value as Decimal, scale);
}

function listEncoder(from: Expression, source: Shape, to: Shape, name: string, context: Context): Encode | undefined {
  if (source.kind === 'record')
    return context.findings.add(
      from.at,
      `${name}: takes ${describe({ kind: 'list', item: to })} of objects made field by field`,
      'use each with fields',
    );
  const item = assign({ ...from, shape: source, constants: undefined }, to, `${name}[]`, context);
  return item && ((value) => (value as NonNullable<Value>[]).map(item));
}

/** Any value of either side as Json; a bigint or number is a whole number by its digits. */
export function encodeAny(value: NonNullable<Value>): Json {
  if (typeof value === 'string' || typeof value === 'boolean' || value instanceof JsonNumber) return value;
  if (value instanceof Decimal) return decimalText(value);
  if (typeof value === 'number' || typeof value === 'bigint') return new JsonNumber(String(value));
  if (value instanceof Date) return isoOf(value.getTime());
  if (Array.isArray(value)) return value.map((one) => (one === null || one === undefined ? null : encodeAny(one)));
  const object: JsonObject = Object.create(null);
  for (const [key, one] of Object.entries(value as Source))
    if (one !== undefined) object[key] = one === null ? null : encodeAny(one);
  return object;
}
