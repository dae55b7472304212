import { parsePath, pathExpression } from './path.ts';
import type { Context } from './context.ts';
import type { JsonObject } from '#schema';
import { dotted, isObject, keysOf, missingOf, recordOf, whenOf } from './put.ts';
import type { Builder, Put } from './put.ts';
import { addReview, Refusal } from './scope.ts';
import type { Scope, Source } from './scope.ts';
import { describe } from './shape.ts';
import { entryOf } from './yaml.ts';
import type { Mapping } from './yaml.ts';

/** `{ from: shipTo, fields: { ... } }` and `{ fields: { ... } }` */
export function nestedOf(node: Mapping, { name, field, at, entry, context, object }: Builder): Put | undefined {
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
        inEach: false,
        group: undefined,
      }
    : context;
  context.mapped.set(dotted(context.targetPath), { shape: field.shape });
  if (source) for (const read of source.reads) context.lineage.reads.add(read);
  const put = object(fieldsEntry.value, shape, fieldsEntry.keyAt, at, inner);
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
