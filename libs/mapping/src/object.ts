import { Decimal } from '#contracts';
import { JsonNumber } from '#schema';
import type { Json, JsonObject } from '#schema';
import { assign } from './assign.ts';
import { conditionOf } from './condition.ts';
import type { Condition } from './condition.ts';
import type { Context } from './context.ts';
import type { Expression } from './expression.ts';
import { listPath, parsePath, pathExpression } from './path.ts';
import type { ListPath } from './path.ts';
import { addReview, OPENED, Refusal } from './scope.ts';
import type { Scope, Source } from './scope.ts';
import { describe } from './shape.ts';
import type { Field, RecordShape, Shape } from './shape.ts';
import { comparisonOf } from './tolerance.ts';
import { fieldValueOf } from './value.ts';
import { entryOf } from './yaml.ts';
import type { At, Entry, Mapping, Tree } from './yaml.ts';

/** Writes one field, or all fields, of an object of the document. */
export type Put = (scope: Scope, out: JsonObject) => void;

/** Checks a `fields` mapping against the target's object and gives the closure that fills it. */
export function objectOf(
  node: Tree,
  target: RecordShape,
  keyAt: At,
  pointer: string,
  context: Context,
): Put | undefined {
  if (node.kind !== 'mapping' || node.entries.length === 0)
    return context.findings.add(node.at, 'fields takes the fields of the target with where they come from');
  const puts: Put[] = [];
  const named = new Set<string>();
  for (const entry of node.entries) {
    named.add(entry.key);
    const put = fieldOf(entry, target, pointer, context);
    if (put) puts.push(put);
  }
  for (const [name, field] of target.fields)
    if (field.required && !named.has(name))
      context.findings.add(
        keyAt,
        `${within(context)} needs ${name} (${describe(field.shape)}), which is not mapped`,
        `add ${name}: ...`,
      );
  return (scope, out) => {
    for (const put of puts) put(scope, out);
  };
}

function within(context: Context): string {
  return context.targetPath === '' ? context.targetName : `${context.targetPath} of ${context.targetName}`;
}

const ANY: Field = { shape: { kind: 'any' }, optional: true, nullable: true, required: false };

function fieldOf(entry: Entry, target: RecordShape, pointer: string, context: Context): Put | undefined {
  const name = entry.key;
  const field = target.fields.get(name) ?? (target.open ? ANY : undefined);
  if (!field || name === '__proto__')
    return context.findings.unknown(entry.keyAt, `${within(context)} has no field ${name}`, name, target.fields.keys());
  const path = context.targetPath === '' ? name : `${context.targetPath}.${name}`;
  const inner: Context = { ...context, targetPath: path };
  const at = `${pointer}/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`;
  const build: Builder = { name, field, at, entry, context: inner };
  const node = entry.value;
  const put =
    node.kind === 'mapping' && entryOf(node, 'each')
      ? eachOf(node, build)
      : node.kind === 'mapping' && entryOf(node, 'list')
        ? listOf(node, build)
        : node.kind === 'mapping' && entryOf(node, 'fields')
          ? nestedOf(node, build)
          : plainOf(node, build);
  return put && node.kind === 'mapping' ? createOnly(put, node, build) : put;
}

interface Builder {
  name: string;
  field: Field;
  /** JSON pointer below the nearest item of a list */
  at: string;
  entry: Entry;
  context: Context;
}

/** A field with one value. */
function plainOf(node: Tree, { name, field, at, entry, context }: Builder): Put | undefined {
  const value = fieldValueOf(node, context);
  if (!value) return undefined;
  const encode = assign(value, field.shape, context.targetPath, context);
  const comparison = node.kind === 'mapping' ? comparisonOf(node, context.targetPath, context) : undefined;
  const missing = node.kind === 'mapping' ? missingOf(node, context) : undefined;
  if (value.optional && field.required && !missing)
    return context.findings.add(
      value.at,
      `${context.targetPath} is required, but this may be absent`,
      'add default: ..., missing: reject, or missing: hold',
    );
  if (comparison && value.shape.kind !== 'decimal')
    return context.findings.add(value.at, `equals compares decimals, this is ${describe(value.shape)}`);
  remember(value, entry, context, comparison?.reads);
  if (!encode) return undefined;
  const { run } = value;
  const fallback: (scope: Scope) => void =
    missing === 'reject'
      ? () => {
          throw new Refusal(`${context.targetPath} is missing: ${value.reads[0] ?? 'its value'} is absent`);
        }
      : missing === 'hold'
        ? (scope) => addReview(scope, `${context.targetPath} has no value: ${value.reads[0] ?? 'it'} is absent`)
        : () => {};
  const nullable = field.nullable;
  return (scope, out) => {
    scope.at = at;
    const found = run(scope);
    if (found === undefined) return fallback(scope);
    if (found === null) {
      if (nullable) out[name] = null;
      else fallback(scope);
      return;
    }
    if (found === OPENED) return;
    out[name] = encode(found);
    if (comparison && found instanceof Decimal) comparison.compare(found, scope);
  };
}

function missingOf(node: Mapping, context: Context): 'reject' | 'hold' | undefined {
  const found = entryOf(node, 'missing')?.value;
  if (!found) return undefined;
  if (found.kind === 'scalar' && (found.value === 'reject' || found.value === 'hold')) return found.value;
  return context.findings.unknown(found.at, 'missing is reject or hold', found.kind === 'scalar' ? found.text : '', [
    'reject',
    'hold',
  ]);
}

/** Notes where a field comes from, and that `$target.` may read it from here on. */
function remember(value: Expression, entry: Entry, context: Context, more: readonly string[] = []): void {
  const key = dotted(context.targetPath);
  const earlier = context.mapped.get(key);
  context.mapped.set(key, earlier ? wider(earlier, value) : { shape: value.shape, fixed: value.fixed });
  const reads = [...new Set([...value.reads, ...more])];
  for (const read of reads) context.lineage.reads.add(read);
  context.lineage.fields.push({ target: context.targetPath, reads, by: shorten(entry.value), line: entry.keyAt.line });
}

/** One field that several items of a list write: the one with more fraction digits stands for all. */
function wider(
  a: { shape: Shape; fixed?: number },
  b: { shape: Shape; fixed?: number },
): { shape: Shape; fixed?: number } {
  const scale = (shape: Shape): number => (shape.kind === 'decimal' ? (shape.scale ?? Infinity) : 0);
  return scale(b.shape) > scale(a.shape) ? b : a;
}

const dotted = (path: string): string => path.replaceAll('[]', '');

/** How the mapping says it, on one line. */
function shorten(node: Tree): string {
  if (node.kind === 'scalar') return node.text;
  const words =
    node.kind === 'list'
      ? [`${node.items.length} items`]
      : node.entries.map((one) => `${one.key}: ${one.value.kind === 'scalar' ? one.value.text : '…'}`);
  const text = words.join(', ');
  return text.length > 100 ? `${text.slice(0, 99)}…` : text;
}

/** `on: create`: the pointer is noted each time the field is written or opened. */
function createOnly(put: Put, node: Mapping, { field, at, name, context }: Builder): Put | undefined {
  const entry = entryOf(node, 'on');
  if (!entry) return put;
  if (entry.value.kind !== 'scalar' || entry.value.value !== 'create')
    return context.findings.add(entry.value.at, 'on takes create');
  if (field.required)
    return context.findings.add(
      entry.keyAt,
      `${context.targetPath} is required, so an update needs it too`,
      'leave on: create out',
    );
  context.lineage.createOnly.push({ target: context.targetPath, at: entry.keyAt });
  return (scope, out) => {
    const opened = scope.open.length;
    put(scope, out);
    if (Object.hasOwn(out, name) || scope.open.length > opened) scope.createOnly.push(scope.pointer + at);
  };
}

function keysOf(node: Mapping, allowed: readonly string[], context: Context): boolean {
  let good = true;
  for (const entry of node.entries)
    if (!allowed.includes(entry.key)) {
      context.findings.unknown(entry.keyAt, `${entry.key} cannot stand beside ${allowed[0]!}`, entry.key, allowed);
      good = false;
    }
  return good;
}

function whenOf(node: Mapping, context: Context): Condition | undefined | 'wrong' {
  const entry = entryOf(node, 'when');
  if (!entry) return undefined;
  const condition = conditionOf(entry.value, context);
  for (const read of condition?.reads ?? []) context.lineage.reads.add(read);
  return condition ?? 'wrong';
}

/** `{ from: shipTo, fields: { ... } }` and `{ fields: { ... } }` */
function nestedOf(node: Mapping, { name, field, at, entry, context }: Builder): Put | undefined {
  keysOf(node, ['fields', 'from', 'when', 'missing', 'on'], context);
  const shape = recordOf(field.shape);
  if (!shape)
    return context.findings.add(entry.keyAt, `${context.targetPath} takes ${describe(field.shape)}, not an object`);
  const from = entryOf(node, 'from');
  const fromValue = from?.value;
  const source =
    fromValue &&
    (fromValue.kind === 'scalar'
      ? pathExpression(fromValue.text, fromValue.at, context)
      : context.findings.add(fromValue.at, 'from takes a path'));
  if (from && !source) return undefined;
  if (source && source.shape.kind !== 'record' && source.shape.kind !== 'any')
    return context.findings.add(
      source.at,
      `${context.targetPath} is made of an object, but this is ${describe(source.shape)}`,
    );
  const condition = whenOf(node, context);
  const missing = missingOf(node, context);
  if ((source?.optional || condition) && field.required && !missing)
    return context.findings.add(
      entry.keyAt,
      `${context.targetPath} is required, but this may be absent`,
      'add missing: reject, or missing: hold',
    );
  const fieldsEntry = entryOf(node, 'fields')!;
  const path = fromValue?.kind === 'scalar' ? fromValue.text : '';
  const ofRecord = path.startsWith('$record.');
  const plain = ofRecord ? path.slice('$record.'.length) : path;
  const inner: Context = source
    ? {
        ...context,
        item: source.shape,
        itemRead: `${ofRecord ? '' : context.itemRead}${parsePath(plain)!.join('.')}.`,
        group: undefined,
      }
    : context;
  context.mapped.set(dotted(context.targetPath), { shape: field.shape });
  if (source) for (const read of source.reads) context.lineage.reads.add(read);
  const put = objectOf(fieldsEntry.value, shape, fieldsEntry.keyAt, at, inner);
  if (!put || condition === 'wrong') return undefined;
  const none = (scope: Scope): undefined => {
    if (missing === 'reject')
      throw new Refusal(`${context.targetPath} is missing: ${source?.reads[0] ?? 'it'} is absent`);
    if (missing === 'hold')
      addReview(scope, `${context.targetPath} has no value: ${source?.reads[0] ?? 'it'} is absent`);
  };
  return (scope, out) => {
    if (condition && !condition.test(scope)) return none(scope);
    if (!source) return fill(scope, out, name, put, field.required);
    const value = source.run(scope);
    if (value === null && field.nullable) {
      out[name] = null;
      return;
    }
    if (value === undefined || value === null) return none(scope);
    if (!isObject(value)) throw new Refusal(`${path} is not an object`);
    const { item, itemPath } = scope;
    scope.item = value as Source;
    scope.itemPath = `${ofRecord ? '' : itemPath}${plain}.`;
    fill(scope, out, name, put, true);
    scope.item = item;
    scope.itemPath = itemPath;
  };
}

/** The object stands in the document before it is filled, so that `$target.` sees it; an empty one that need not be is taken out. */
function fill(scope: Scope, out: JsonObject, name: string, put: Put, keep: boolean): void {
  const object: JsonObject = {};
  const opened = scope.open.length;
  out[name] = object;
  put(scope, object);
  if (!keep && scope.open.length === opened && Object.keys(object).length === 0) delete out[name];
}

function recordOf(shape: Shape): RecordShape | undefined {
  if (shape.kind === 'record') return shape;
  if (shape.kind === 'any' || shape.kind === 'map') return { kind: 'record', fields: new Map(), open: true };
  return undefined;
}

function itemOf({ field, entry, context }: Builder): RecordShape | undefined {
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

/** `{ each: lines, filter: ..., group: ..., fields: { ... } }` */
function eachOf(node: Mapping, build: Builder): Put | undefined {
  const { name, at, context } = build;
  keysOf(node, ['each', 'fields', 'filter', 'group', 'when', 'on'], context);
  const eachNode = entryOf(node, 'each')!.value;
  const fieldsEntry = entryOf(node, 'fields');
  const item = itemOf(build);
  if (eachNode.kind !== 'scalar') return context.findings.add(eachNode.at, 'each takes the path of a list');
  if (!fieldsEntry) return context.findings.add(node.at, 'each needs fields', 'each: lines, fields: { item: sku }');
  const list = listPath(eachNode.text, eachNode.at, context);
  if (!list || !item) return undefined;
  if (list.item.kind !== 'record' && list.item.kind !== 'any')
    return context.findings.add(
      eachNode.at,
      `the items of ${eachNode.text} are ${describe(list.item)}, not objects`,
      `name the list itself: ${name}: ${eachNode.text}`,
    );
  const condition = whenOf(node, context);
  if (condition && build.field.required)
    return context.findings.add(
      entryOf(node, 'when')!.keyAt,
      `${context.targetPath} is required, but this may be absent`,
      'use filter, which leaves an empty list',
    );
  const inner: Context = {
    ...context,
    item: list.item,
    itemRead: `${list.read}[].`,
    inEach: true,
    group: undefined,
    targetPath: `${context.targetPath}[]`,
  };
  context.lineage.reads.add(list.read);
  const filterEntry = entryOf(node, 'filter');
  const filter = filterEntry && conditionOf(filterEntry.value, inner);
  for (const read of filter?.reads ?? []) context.lineage.reads.add(read);
  const group = groupOf(node, inner);
  if ((filterEntry && !filter) || group === 'wrong') return undefined;
  if (group) inner.group = { keys: new Set(group.paths) };
  const put = objectOf(fieldsEntry.value, item, fieldsEntry.keyAt, '', inner);
  context.mapped.set(dotted(context.targetPath), { shape: build.field.shape });
  if (!put || condition === 'wrong') return undefined;
  return (scope, out) => {
    if (condition && !condition.test(scope)) return;
    scope.at = at;
    walk(list, filter, group, put, scope, out, name, scope.pointer + at);
  };
}

/** The hot loop: saves what the items change, and puts it back. */
function walk(
  list: ListPath,
  filter: Condition | undefined,
  group: Group | undefined,
  put: Put,
  scope: Scope,
  out: JsonObject,
  name: string,
  pointer: string,
): void {
  const { item, items, itemPath, pointer: before, group: groupBefore } = scope;
  const made: Json[] = [];
  out[name] = made;
  let chosen = list.get(scope);
  const place = scope.cleared === undefined ? undefined : `${list.ofRecord ? '' : itemPath}${list.path}`;
  const original = chosen;
  if (filter) chosen = chosen.filter((one) => ((scope.item = one), filter.test(scope)));
  const groups = group && group.of(chosen, scope);
  const heads = groups ? groups.map((members) => members[0]!) : chosen;
  scope.items = chosen;
  for (let index = 0; index < heads.length; index++) {
    const head = heads[index]!;
    scope.item = head;
    scope.group = groups?.[index];
    if (place !== undefined) scope.itemPath = `${place}[${filter || group ? original.indexOf(head) : index}].`;
    scope.pointer = `${pointer}/${index}`;
    if (!isObject(head)) {
      scope.at = '';
      throw new Refusal(`an item of ${list.path} is not an object`);
    }
    const object: JsonObject = {};
    made.push(object);
    put(scope, object);
  }
  scope.item = item;
  scope.items = items;
  scope.itemPath = itemPath;
  scope.pointer = before;
  scope.group = groupBefore;
}

/** Sources that are JSON may hold anything where their schema says object. */
function isObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof JsonNumber);
}

interface Group {
  paths: string[];
  /** groups in the order of their first item */
  of(items: readonly Source[], scope: Scope): Source[][];
}

function groupOf(node: Mapping, context: Context): Group | undefined | 'wrong' {
  const found = entryOf(node, 'group')?.value;
  if (!found) return undefined;
  const nodes = found.kind === 'list' ? found.items : [found];
  const keys = nodes.map((one) =>
    one.kind === 'scalar'
      ? pathExpression(one.text, one.at, context)
      : context.findings.add(one.at, 'group takes paths'),
  );
  const known = keys.filter((key) => key !== undefined);
  if (known.length < keys.length) return 'wrong';
  for (const key of known) for (const read of key.reads) context.lineage.reads.add(read);
  return {
    paths: nodes.map((one) => (one.kind === 'scalar' ? one.text : '')),
    of: (items, scope) => {
      const groups = new Map<string, Source[]>();
      for (const item of items) {
        scope.item = item;
        const values = known.map((key) => key.run(scope));
        const id = JSON.stringify(
          values.map((value) => (value === undefined || value === null ? null : String(value))),
        );
        const members = groups.get(id);
        if (members) members.push(item);
        else groups.set(id, [item]);
      }
      return [...groups.values()];
    },
  };
}

/** `{ list: [ { when: ..., fields: { ... } }, ... ] }` */
function listOf(node: Mapping, build: Builder): Put | undefined {
  const { name, at, field, context } = build;
  keysOf(node, ['list', 'when', 'on'], context);
  const written = entryOf(node, 'list')!.value;
  const item = itemOf(build);
  if (written.kind !== 'list' || written.items.length === 0)
    return context.findings.add(written.at, 'list takes items, each with fields');
  if (!item) return undefined;
  const whole = whenOf(node, context);
  if (whole && field.required)
    return context.findings.add(
      entryOf(node, 'when')!.keyAt,
      `${context.targetPath} is required, but this may be absent`,
      'put when at its items',
    );
  const inner: Context = { ...context, targetPath: `${context.targetPath}[]` };
  const puts: { condition: Condition | undefined; put: Put }[] = [];
  for (const one of written.items) {
    const fieldsEntry = one.kind === 'mapping' ? entryOf(one, 'fields') : undefined;
    if (one.kind !== 'mapping' || !fieldsEntry) {
      context.findings.add(one.at, 'an item of list needs fields', '- { fields: { ... } }');
      continue;
    }
    keysOf(one, ['fields', 'when'], context);
    const condition = whenOf(one, inner);
    const put = objectOf(fieldsEntry.value, item, fieldsEntry.keyAt, '', inner);
    // later items may sum what earlier ones have
    context.mapped.set(dotted(context.targetPath), { shape: field.shape });
    if (put && condition !== 'wrong') puts.push({ condition, put });
  }
  if (puts.length < written.items.length || whole === 'wrong') return undefined;
  return (scope, out) => {
    if (whole && !whole.test(scope)) return;
    const { pointer } = scope;
    const made: Json[] = [];
    out[name] = made;
    for (const { condition, put } of puts) {
      if (condition && !condition.test(scope)) continue;
      const object: JsonObject = {};
      scope.pointer = `${pointer}${at}/${made.length}`;
      made.push(object);
      put(scope, object);
    }
    scope.pointer = pointer;
  };
}
