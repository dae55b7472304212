import type { FormOperator } from './operator.ts';

/** What a field says besides its value: built in value.ts and object.ts. */
export const otherwiseDefault: FormOperator = {
  name: 'default',
  role: 'modifier',
  signature: 'a value for when there is none',
  doc: 'Taken when the value is absent or cleared, or when `map` or `lookup` do not name it.',
  examples: [
    { say: '{ from: note, default: none }', given: {}, gives: 'none' },
    { say: '{ from: amount, default: 0, decimal: { scale: 2, round: half-up } }', given: {}, gives: '0.00' },
  ],
  editor: { type: ['string', 'number', 'boolean'] },
};

export const missing: FormOperator = {
  name: 'missing',
  role: 'modifier',
  signature: 'reject or hold',
  doc: 'What becomes of the event when a required field has no value: `reject` refuses it, `hold` makes the document with a review reason, so that a person decides.',
  examples: [
    { say: '{ from: note, missing: reject }', given: {}, refuses: 'is missing' },
    { say: '{ from: note, missing: hold }', given: {}, review: 'has no value' },
  ],
  editor: { enum: ['reject', 'hold'] },
};

export const on: FormOperator = {
  name: 'on',
  role: 'modifier',
  signature: 'create',
  doc: 'Sent when the record is created and left out of updates. Refused where the document is written by an upsert, which cannot tell the two apart.',
  examples: [{ say: '{ const: CRM, on: create }', given: {}, gives: 'CRM' }],
  editor: { const: 'create' },
};

export const when: FormOperator = {
  name: 'when',
  role: 'modifier',
  signature: 'condition',
  doc: 'The value counts only when the condition holds; `else` says what counts otherwise (nothing, unless written). Conditions: a value, a list of which one, `present`, `absent`, `{ not: ... }`, `{ above, below, atLeast, atMost }`, `{ matches: pattern }` (RE2, linear time); several paths must all hold, `any: [...]` asks for one.',
  also: ['else'],
  examples: [
    { say: '{ when: { kind: A }, from: name }', given: { kind: 'A', name: 'x' }, gives: 'x' },
    { say: '{ when: { kind: A }, from: name }', given: { kind: 'B', name: 'x' } },
    {
      say: '{ when: { amount: { above: 0 } }, const: debit, else: { const: credit } }',
      given: { amount: '-1' },
      gives: 'credit',
    },
  ],
  editor: { $ref: '#/$defs/condition' },
};

export const equals: FormOperator = {
  name: 'equals',
  role: 'modifier',
  signature: 'decimal, with within',
  doc: 'Compares the field with another decimal: further apart than `within` (`"0.01"`, or `"0.01 x lines"`: that much per item of a list) and the document carries a review reason and is held.',
  also: ['within'],
  examples: [
    { say: '{ from: amount, equals: quantity, within: "0.01" }', given: { amount: '1', quantity: '1.01' }, gives: '1' },
    {
      say: '{ from: amount, equals: quantity, within: "0" }',
      given: { amount: '1', quantity: '1.01' },
      gives: '1',
      review: 'differs by 0.01',
    },
  ],
  editor: { $ref: '#/$defs/value' },
};
