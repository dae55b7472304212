import { Decimal } from '#contracts';
import { conditionOf } from './condition.ts';
import type { Context } from './context.ts';
import { isKnown } from './operators/operator.ts';
import { addReview } from './scope.ts';
import type { Scope } from './scope.ts';
import { describe } from './shape.ts';
import { comparisonOf } from './tolerance.ts';
import { entryOf } from './yaml.ts';
import type { Mapping as MappingNode, Tree } from './yaml.ts';

export type Check = (scope: Scope) => void;

/** `checks:` of the whole document: `{ sum: ..., equals: ..., within: ..., when: ... }` */
export function checksOf(tree: MappingNode, context: Context): readonly Check[] {
  const node = entryOf(tree, 'checks')?.value;
  if (!node) return [];
  if (node.kind !== 'list') {
    context.findings.add(
      node.at,
      'checks takes a list',
      '- { sum: $target.lines.amount, equals: total.amount, within: "0.01" }',
    );
    return [];
  }
  return node.items.map((item) => checkOf(item, context)).filter((check) => check !== undefined);
}

function checkOf(node: Tree, context: Context): Check | undefined {
  if (node.kind === 'mapping' && entryOf(node, 'same')) return sameOf(node, context);
  if (node.kind !== 'mapping' || !entryOf(node, 'equals'))
    return context.findings.add(node.at, 'a check compares: it needs equals and within, or same');
  const compared = { ...node, entries: node.entries.filter(({ key }) => !['equals', 'within', 'when'].includes(key)) };
  const value = context.value(compared, context);
  const name = compared.entries
    .map((entry) => `${entry.key} ${entry.value.kind === 'scalar' ? entry.value.text : ''}`.trim())
    .join(' ');
  const comparison = comparisonOf(node, name, context);
  const whenEntry = entryOf(node, 'when');
  const condition = whenEntry && conditionOf(whenEntry.value, context);
  if (!value || !comparison || (whenEntry && !condition)) return undefined;
  if (!isKnown(value, node, 'a check', context)) return undefined;
  if (value.shape.kind !== 'decimal')
    return context.findings.add(value.at, `a check compares decimals, this is ${describe(value.shape)}`);
  for (const read of [...value.reads, ...comparison.reads, ...(condition?.reads ?? [])])
    context.lineage.reads.add(read);
  return (scope) => {
    if (condition && !condition.test(scope)) return;
    const found = value.run(scope);
    if (found instanceof Decimal) comparison.compare(found, scope);
  };
}

/** `{ same: [currency, total.currency, tax.currency] }`: what is there must be equal, as text. */
function sameOf(node: MappingNode, context: Context): Check | undefined {
  const list = entryOf(node, 'same')!.value;
  for (const { key, keyAt } of node.entries)
    if (key !== 'same') context.findings.unknown(keyAt, `${key} cannot stand beside same`, key, ['same']);
  if (list.kind !== 'list' || list.items.length < 2)
    return context.findings.add(list.at, 'same takes a list of at least two paths');
  const parts = list.items.map((item) => {
    const value = context.value(item, context);
    if (value && !isKnown(value, item, 'same', context)) return undefined;
    const kind = value?.shape.kind;
    if (kind !== undefined && kind !== 'text' && kind !== 'enum' && kind !== 'date' && kind !== 'integer')
      return context.findings.add(item.at, `same compares text, this is ${describe(value!.shape)}`);
    return value && { value, name: item.kind === 'scalar' ? item.text : 'another' };
  });
  const known = parts.filter((part) => part !== undefined);
  if (known.length < parts.length) return undefined;
  for (const { value } of known) for (const read of value.reads) context.lineage.reads.add(read);
  return (scope) => {
    let first: { text: string; name: string } | undefined;
    for (const { value, name } of known) {
      const found = value.run(scope);
      if (found === undefined || found === null) continue;
      const text = String(found);
      if (first === undefined) first = { text, name };
      else if (text !== first.text) return addReview(scope, `${name} is not the same as ${first.name}`);
    }
  };
}
