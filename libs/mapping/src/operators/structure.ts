import type { FormOperator } from './operator.ts';

/** `fields`, `each` and `list`: built in object.ts, because they need the shape of the target's object. */
export const fields: FormOperator = {
  name: 'fields',
  role: 'structure',
  signature: 'object -> object',
  doc: 'A nested object. With `from`, paths in it are of that object of the source, and it is absent when the source is; without, paths stay what they are.',
  also: ['from', 'when', 'missing', 'on'],
  examples: [
    { say: '{ from: address, fields: { town: city } }', given: { address: { city: 'Ulm' } }, gives: { town: 'Ulm' } },
    { say: '{ from: address, fields: { town: city } }', given: {} },
    { say: '{ fields: { town: name } }', given: { name: 'Ulm' }, gives: { town: 'Ulm' } },
  ],
  editor: { type: 'object' },
};

export const each: FormOperator = {
  name: 'each',
  role: 'structure',
  signature: 'list of objects -> list of objects',
  doc: 'One object per item of a list; always a list, also of one. `filter` keeps the items of which a condition holds. `group: path` (or a list of paths) makes one object per distinct value; inside it only those paths and sums over `$group.` can be read.',
  also: ['fields', 'filter', 'group', 'when', 'on'],
  examples: [
    {
      say: '{ each: lines, filter: { amount: { above: 0 } }, fields: { item: sku } }',
      given: {
        lines: [
          { sku: 'A', amount: '1' },
          { sku: 'B', amount: '0' },
        ],
      },
      gives: [{ item: 'A' }],
    },
    {
      say: '{ each: lines, group: sku, fields: { item: sku, amount: { sum: $group.amount } } }',
      given: {
        lines: [
          { sku: 'A', amount: '1' },
          { sku: 'B', amount: '5' },
          { sku: 'A', amount: '2' },
        ],
      },
      gives: [
        { item: 'A', amount: '3' },
        { item: 'B', amount: '5' },
      ],
    },
  ],
  editor: { type: 'string' },
};

export const list: FormOperator = {
  name: 'list',
  role: 'structure',
  signature: 'written items -> list of objects',
  doc: 'A list whose items are written here, each with its `fields` and, where it is not always there, its `when`.',
  also: ['when', 'on'],
  examples: [
    {
      say: '{ list: [ { fields: { item: { const: X } } }, { when: { note: present }, fields: { item: note } } ] }',
      given: {},
      gives: [{ item: 'X' }],
    },
  ],
  editor: { type: 'array', minItems: 1, items: { type: 'object', required: ['fields'] } },
};
