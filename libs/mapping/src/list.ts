import type { Json, JsonObject } from '#schema';
import type { Condition } from './condition.ts';
import type { Context } from './context.ts';
import { dotted, itemOf, keysOf, whenOf } from './put.ts';
import type { Builder, Put } from './put.ts';
import { entryOf } from './yaml.ts';
import type { Mapping } from './yaml.ts';

/** `{ list: [ { when: ..., fields: { ... } }, ... ] }` */
export function listOf(node: Mapping, build: Builder): Put | undefined {
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
    const put = build.object(fieldsEntry.value, item, fieldsEntry.keyAt, '', inner);
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
