import { Decimal } from '#contracts';
import { describe } from '../shape.ts';
import { isKnown } from './operator.ts';
import type { SourceOperator } from './operator.ts';

export const multiply: SourceOperator = {
  name: 'multiply',
  role: 'source',
  signature: 'list of decimals or whole numbers -> decimal',
  doc: 'The exact product; absent when a factor is absent. A `decimal` step must follow, because a product has more digits than its factors.',
  examples: [
    {
      say: '{ multiply: [quantity, amount], decimal: { scale: 2, round: half-up } }',
      given: { quantity: '3', amount: '0.335' },
      gives: '1.01',
    },
    {
      say: '{ multiply: [count, { const: 0.01 }], decimal: { scale: 2, round: exact } }',
      given: { count: 1999 },
      gives: '19.99',
    },
  ],
  editor: { type: 'array', minItems: 2, items: { $ref: '#/$defs/value' } },
  build(node, _field, context) {
    if (node.kind !== 'list' || node.items.length < 2)
      return context.findings.add(node.at, 'multiply takes a list of at least two factors');
    const factors = node.items.map((item) => {
      const factor = context.value(item, context);
      if (factor && !isKnown(factor, item, 'multiply', context)) return undefined;
      if (factor && factor.shape.kind !== 'decimal' && factor.shape.kind !== 'integer')
        return context.findings.add(item.at, `multiply needs numbers, this is ${describe(factor.shape)}`);
      return factor;
    });
    const known = factors.filter((factor) => factor !== undefined);
    if (known.length < factors.length) return undefined;
    return {
      shape: { kind: 'decimal', as: 'string' },
      at: node.at,
      optional: known.some((factor) => factor.optional),
      reads: known.flatMap((factor) => factor.reads),
      unrounded: true,
      run: (scope) => {
        let product: Decimal | undefined;
        for (const factor of known) {
          const value = factor.run(scope);
          if (value === undefined || value === null) return undefined;
          const number = value instanceof Decimal ? value : new Decimal(String(value));
          product = product === undefined ? number : product.times(number);
        }
        return product;
      },
    };
  },
};
