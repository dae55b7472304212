import type { Json, JsonObject } from '#schema';
import { conditionOf } from './condition.ts';
import type { Condition } from './condition.ts';
import type { Context } from './context.ts';
import { listPath } from './lists.ts';
import type { ListPath } from './lists.ts';
import { pathExpression } from './path.ts';
import { dotted, isObject, itemOf, keysOf, whenOf } from './put.ts';
import type { Builder, Put } from './put.ts';
import { Refusal } from './scope.ts';
import type { Scope, Source } from './scope.ts';
import { describe } from './shape.ts';
import { entryOf } from './yaml.ts';
import type { Mapping } from './yaml.ts';

/** `{ each: lines, filter: ..., group: ..., fields: { ... } }` */
export function eachOf(node: Mapping, build: Builder): Put | undefined {
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
  const put = build.object(fieldsEntry.value, item, fieldsEntry.keyAt, '', inner);
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
  const all = list.get(scope);
  refuseStrays(all, list, scope, pointer);
  const place = scope.cleared === undefined ? undefined : `${list.ofRecord ? '' : itemPath}${list.path}`;
  let chosen = all;
  if (filter) chosen = chosen.filter((one) => ((scope.item = one), filter.test(scope)));
  const groups = group && group.of(chosen, scope);
  const heads = groups ? groups.map((members) => members[0]!) : chosen;
  const places = place !== undefined && (filter || group) ? new Map(all.map((one, index) => [one, index])) : undefined;
  scope.items = chosen;
  for (let index = 0; index < heads.length; index++) {
    const head = heads[index]!;
    scope.item = head;
    scope.group = groups?.[index];
    if (place !== undefined) scope.itemPath = `${place}[${places?.get(head) ?? index}].`;
    scope.pointer = `${pointer}/${index}`;
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

/** Before a filter, a group or a split looks into any of them. */
function refuseStrays(items: readonly Source[], list: ListPath, scope: Scope, pointer: string): void {
  const stray = items.findIndex((one) => !isObject(one));
  if (stray < 0) return;
  scope.pointer = `${pointer}/${stray}`;
  scope.at = '';
  throw new Refusal(`an item of ${list.path} is not an object`);
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
  for (const { shape, at } of known)
    if (shape.kind === 'record' || shape.kind === 'list' || shape.kind === 'map') {
      context.findings.add(at, `group needs values that can be the same, this is ${describe(shape)}`);
      return 'wrong';
    }
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
