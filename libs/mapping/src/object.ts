import { Decimal } from '#contracts';
import type { JsonObject } from '#schema';
import { assign, encodeText } from './assign.ts';
import type { Context, MappedField } from './context.ts';
import { eachOf } from './each.ts';
import type { Expression } from './expression.ts';
import { listOf } from './list.ts';
import { nestedOf } from './nested.ts';
import { dotted, missingOf } from './put.ts';
import type { Builder, Put } from './put.ts';
import { addReview, OPENED, Refusal } from './scope.ts';
import type { Scope } from './scope.ts';
import { describe } from './shape.ts';
import type { Field, RecordShape, Shape } from './shape.ts';
import { comparisonOf } from './tolerance.ts';
import { fieldValueOf } from './value.ts';
import { entryOf } from './yaml.ts';
import type { At, Entry, Mapping, Tree } from './yaml.ts';

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
  const build: Builder = { name, field, at, entry, context: inner, object: objectOf };
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
  const { shape } = field;
  const asNumber = shape.kind === 'integer' || (shape.kind === 'decimal' && shape.as === 'number');
  const none = (found: null | undefined, scope: Scope, out: JsonObject): void => {
    if (found === null && nullable) out[name] = null;
    else fallback(scope);
  };
  if (encode === encodeText && !value.opens)
    return (scope, out) => {
      scope.at = at;
      const found = run(scope) as string | null | undefined;
      if (found === undefined || found === null) none(found, scope, out);
      else out[name] = found;
    };
  return (scope, out) => {
    scope.at = at;
    const found = run(scope);
    if (found === undefined || found === null) return none(found, scope, out);
    if (found === OPENED) {
      if (asNumber) scope.open.at(-1)!.as = 'number';
      return;
    }
    out[name] = encode(found);
    if (comparison && found instanceof Decimal) comparison.compare(found, scope);
  };
}

/** Notes where a field comes from, and that `$target.` may read it from here on. */
function remember(value: Expression, entry: Entry, context: Context, more: readonly string[] = []): void {
  const key = dotted(context.targetPath);
  const earlier = context.mapped.get(key);
  const { shape, fixed, opens } = value;
  context.mapped.set(key, earlier ? wider(earlier, value) : { shape, fixed, opens });
  const reads = [...new Set([...value.reads, ...more])];
  for (const read of reads) context.lineage.reads.add(read);
  context.lineage.fields.push({ target: context.targetPath, reads, by: shorten(entry.value), line: entry.keyAt.line });
}

/** One field that several items of a list write: the one with more fraction digits stands for all. */
function wider(a: MappedField, b: MappedField): MappedField {
  const scale = (shape: Shape): number => (shape.kind === 'decimal' ? (shape.scale ?? Infinity) : 0);
  const { shape, fixed } = scale(b.shape) > scale(a.shape) ? b : a;
  return { shape, fixed, opens: a.opens || b.opens };
}

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
