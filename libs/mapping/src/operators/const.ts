import { literal } from '../literal.ts';
import type { SourceOperator } from './operator.ts';

export const constant: SourceOperator = {
  name: 'const',
  role: 'source',
  signature: 'a value written here',
  doc: 'The same value for every event. Text in quotes stays text (`"8400"`), a number keeps its digits (`1.10`).',
  examples: [
    { say: '{ const: CRM }', given: {}, gives: 'CRM' },
    { say: '{ const: "8400" }', given: {}, gives: '8400' },
    { say: '{ const: true }', given: {}, gives: true },
    { say: '{ const: 1.10 }', given: {}, gives: 1.1 },
  ],
  editor: { type: ['string', 'number', 'boolean'] },
  build: (node, _field, context) => literal(node, 'const', context),
};
