import { pathExpression } from '../path.ts';
import { variableExpression } from '../variable.ts';
import type { SourceOperator } from './operator.ts';

export const path: SourceOperator = {
  name: 'from',
  role: 'source',
  signature: 'path -> its value',
  doc: 'A field of the source: `total.amount`, `custom.region`, `custom["a b"]`. Inside `each` and `fields` with `from`, of the item; `$record.` before it means the whole record. A bare path or variable is short for `from`.',
  examples: [
    { say: 'name', given: { name: 'Acme' }, gives: 'Acme' },
    { say: 'custom["a b"]', given: { custom: { 'a b': 'x' } }, gives: 'x' },
    { say: 'amount', given: { amount: '10.10' }, gives: '10.1' },
    { say: 'note', given: {} },
    { say: '$key', given: { id: '7' }, gives: 'acme:example:7' },
    { say: '$version', given: {}, gives: 3 },
  ],
  editor: { type: 'string' },
  build(node, _field, context) {
    if (node.kind !== 'scalar' || typeof node.value !== 'string')
      return context.findings.add(node.at, 'from takes a path', 'a constant is { const: ... }');
    if (node.value.startsWith('$') && !node.value.startsWith('$record.'))
      return variableExpression(node.value, node.at, context);
    return pathExpression(node.value, node.at, context);
  },
};
