import { isSchemaNode } from '../target/json-schema.ts';
import type { JsonSchemaNode } from '../target/json-schema.ts';
import { canonicalHash } from './canonical-form.ts';

/** Where a target's schema got narrower: the path of keywords (`['properties', 'note', 'maxLength']`) and what happened. */
export interface NarrowedPlace {
  path: (string | number)[];
  message: string;
}

/**
 * Why a document that was good under `previous` may be bad under `next`. Documents lie on topics for weeks and are
 * validated when they are sent, so a target's schema may only widen: no new required field, no removed field, no
 * narrower type, enum, pattern, format or bound. What cannot be judged (`anyOf` rewritten, `not`, ...) counts as narrower.
 */
export function jsonProblems(next: unknown, previous: unknown): NarrowedPlace[] {
  const found: NarrowedPlace[] = [];
  compare(next, previous, { next, previous }, [], found, new Set());
  return found;
}

interface Roots {
  next: unknown;
  previous: unknown;
}

/** Bounds that may only move one way: `up` means a larger value is wider. */
const BOUNDS: Readonly<Record<string, 'up' | 'down'>> = {
  maxLength: 'up',
  maximum: 'up',
  exclusiveMaximum: 'up',
  maxItems: 'up',
  maxProperties: 'up',
  minLength: 'down',
  minimum: 'down',
  exclusiveMinimum: 'down',
  minItems: 'down',
  minProperties: 'down',
};
const MAX_DEPTH = 200;
const EXACT = ['pattern', 'format', 'const', 'multipleOf', 'uniqueItems', 'contains', 'propertyNames'];
const OPAQUE = ['oneOf', 'allOf', 'not', 'if', 'then', 'else', 'dependentRequired', 'dependentSchemas', 'prefixItems'];

function compare(
  nextSchema: unknown,
  previousSchema: unknown,
  roots: Roots,
  at: (string | number)[],
  found: NarrowedPlace[],
  seen: Set<string>,
): void {
  const next = resolve(nextSchema, roots.next);
  const previous = resolve(previousSchema, roots.previous);
  if (next === true || next === undefined) return;
  if (!isSchemaNode(next) || !isSchemaNode(previous)) {
    if (next !== previous) found.push({ path: at, message: 'nothing is allowed here any more' });
    return;
  }
  // only two references can meet again: a schema that contains itself must do so by one
  const pair = `${reference(nextSchema)} ${reference(previousSchema)}`;
  const both = reference(nextSchema) !== '' && reference(previousSchema) !== '';
  if ((both && seen.has(pair)) || at.length > MAX_DEPTH) return;
  if (both) seen.add(pair);

  types(next, previous, at, found);
  values(next, previous, at, found);
  bounds(next, previous, at, found);
  required(next, previous, at, found);
  properties(next, previous, roots, at, found, seen);
  if (next['items'] !== undefined)
    compare(next['items'], previous['items'] ?? true, roots, [...at, 'items'], found, seen);
  branches(next, previous, roots, at, found, seen);
  for (const keyword of OPAQUE)
    if (keyword in next && canonicalHash(next[keyword]) !== canonicalHash(previous[keyword] ?? null))
      found.push({ path: [...at, keyword], message: `${keyword} changed in a way that cannot be judged` });
}

function types(next: JsonSchemaNode, previous: JsonSchemaNode, at: (string | number)[], found: NarrowedPlace[]): void {
  if (next['type'] === undefined) return;
  const allowed = new Set(asList(next['type']));
  if (allowed.has('number')) allowed.add('integer');
  const gone = previous['type'] === undefined ? ['any'] : asList(previous['type']).filter((type) => !allowed.has(type));
  if (gone.length > 0) found.push({ path: [...at, 'type'], message: `the type ${gone.join(', ')} is refused now` });
}

function values(next: JsonSchemaNode, previous: JsonSchemaNode, at: (string | number)[], found: NarrowedPlace[]): void {
  if (next['enum'] === undefined) return;
  const allowed = new Set(asList(next['enum']).map((value) => JSON.stringify(value)));
  const before = previous['const'] === undefined ? previous['enum'] : [previous['const']];
  if (before === undefined) {
    found.push({ path: [...at, 'enum'], message: 'any value was allowed before' });
    return;
  }
  const gone = asList(before).filter((value) => !allowed.has(JSON.stringify(value)));
  if (gone.length > 0) found.push({ path: [...at, 'enum'], message: `${gone.map(String).join(', ')} was removed` });
}

function bounds(next: JsonSchemaNode, previous: JsonSchemaNode, at: (string | number)[], found: NarrowedPlace[]): void {
  for (const [keyword, wider] of Object.entries(BOUNDS)) {
    const now = next[keyword];
    const before = previous[keyword];
    if (typeof now !== 'number') continue;
    const narrower = typeof before !== 'number' || (wider === 'up' ? now < before : now > before);
    const harmless = before === undefined && wider === 'down' && now === 0;
    if (narrower && !harmless) found.push({ path: [...at, keyword], message: `${keyword} is narrower than before` });
  }
  for (const keyword of EXACT)
    if (keyword in next && canonicalHash(next[keyword]) !== canonicalHash(previous[keyword] ?? null))
      found.push({ path: [...at, keyword], message: `${keyword} is new or another` });
}

function required(
  next: JsonSchemaNode,
  previous: JsonSchemaNode,
  at: (string | number)[],
  found: NarrowedPlace[],
): void {
  const before = new Set(asList(previous['required'] ?? []));
  for (const [index, name] of asList(next['required'] ?? []).entries())
    if (!before.has(name))
      found.push({ path: [...at, 'required', index], message: `${String(name)} is required now and was not` });
}

function properties(
  next: JsonSchemaNode,
  previous: JsonSchemaNode,
  roots: Roots,
  at: (string | number)[],
  found: NarrowedPlace[],
  seen: Set<string>,
): void {
  const now = isSchemaNode(next['properties']) ? next['properties'] : {};
  const before = isSchemaNode(previous['properties']) ? previous['properties'] : {};
  const others = next['additionalProperties'] ?? true;
  for (const [name, schema] of Object.entries(before)) {
    if (name in now) compare(now[name], schema, roots, [...at, 'properties', name], found, seen);
    else if (others === false) found.push({ path: [...at, 'properties'], message: `the field ${name} was removed` });
    else compare(others, schema, roots, [...at, 'additionalProperties'], found, seen);
  }
  const openBefore = previous['additionalProperties'] ?? true;
  if (openBefore === false || (Object.keys(before).length === 0 && previous['type'] !== 'object')) return;
  compare(others, openBefore, roots, [...at, 'additionalProperties'], found, seen);
}

/** Every old branch must fit a new one. */
function branches(
  next: JsonSchemaNode,
  previous: JsonSchemaNode,
  roots: Roots,
  at: (string | number)[],
  found: NarrowedPlace[],
  seen: Set<string>,
): void {
  if (next['anyOf'] === undefined) return;
  const before = previous['anyOf'] === undefined ? [previous] : asList(previous['anyOf']);
  for (const old of before) {
    const fits = asList(next['anyOf']).some((branch) => {
      const tried: NarrowedPlace[] = [];
      compare(branch, old, roots, at, tried, new Set(seen));
      return tried.length === 0;
    });
    if (!fits) found.push({ path: [...at, 'anyOf'], message: 'a branch of anyOf is gone or narrower' });
  }
}

function asList(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [value];
}

function reference(schema: unknown): string {
  return isSchemaNode(schema) && typeof schema['$ref'] === 'string' ? schema['$ref'] : '';
}

/** Follows `$ref` inside the same schema; anything else stays as it is. */
function resolve(schema: unknown, root: unknown, hops = 0): unknown {
  const pointer = reference(schema);
  if (!pointer.startsWith('#') || hops > 20) return schema;
  let target: unknown = root;
  for (const part of pointer.slice(1).split('/').filter(Boolean)) {
    const name = decodeURIComponent(part).replaceAll('~1', '/').replaceAll('~0', '~');
    target = isSchemaNode(target) || Array.isArray(target) ? (target as JsonSchemaNode)[name] : undefined;
  }
  return resolve(target, root, hops + 1);
}
