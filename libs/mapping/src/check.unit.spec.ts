import { describe, expect, it } from '@jest/globals';
import { formatFinding } from '#contracts';
import type { DocumentDeclaration, Finding } from '#contracts';
import { bindFlows } from './flows.ts';
import type { MappingFlow } from './flows.ts';
import { compileMapping } from './mapping.ts';
import type { CompiledMapping } from './mapping.ts';
import { sidesOf } from './sides.ts';
import type { MappingSchemas } from './sides.ts';
import { readTable } from './table.ts';
import { parseYaml } from './yaml.ts';

const decimal = { type: 'bytes', logicalType: 'decimal', precision: 38, scale: 9 };
const AVRO: Record<string, unknown> = {
  'canonical/deal': {
    type: 'record',
    name: 'Deal',
    namespace: 'crossdock.canonical',
    'x-entity': 'deal',
    fields: [
      { name: 'id', type: 'string', 'x-format': 'id' },
      { name: 'accountId', type: 'string', 'x-entity': 'account' },
      { name: 'stage', type: { type: 'enum', name: 'Stage', symbols: ['OPEN', 'WON', 'LOST'] } },
      { name: 'closedAt', type: ['null', { type: 'long', logicalType: 'timestamp-millis' }] },
      { name: 'title', type: 'string' },
      { name: 'note', type: ['null', 'string'] },
      { name: 'currency', type: 'string', 'x-format': 'iso4217' },
      { name: 'total', type: 'crossdock.canonical.Money' },
      { name: 'tax', type: ['null', 'crossdock.canonical.Money'] },
      { name: 'count', type: 'int' },
      {
        name: 'lines',
        type: {
          type: 'array',
          items: {
            type: 'record',
            name: 'Line',
            fields: [
              { name: 'lineNo', type: 'int' },
              { name: 'sku', type: 'string' },
              { name: 'quantity', type: decimal },
              { name: 'amount', type: decimal },
              { name: 'price', type: ['null', 'crossdock.canonical.Money'] },
              {
                name: 'batches',
                type: {
                  type: 'array',
                  items: { type: 'record', name: 'Batch', fields: [{ name: 'code', type: 'string' }] },
                },
              },
            ],
          },
        },
      },
      { name: 'custom', type: { type: 'map', values: 'string' } },
    ],
  },
  'canonical/money': {
    type: 'record',
    name: 'Money',
    namespace: 'crossdock.canonical',
    fields: [
      { name: 'amount', type: decimal },
      { name: 'currency', type: 'string', 'x-format': 'iso4217' },
    ],
  },
  'canonical/account': {
    type: 'record',
    name: 'Account',
    namespace: 'crossdock.canonical',
    'x-entity': 'account',
    fields: [{ name: 'id', type: 'string', 'x-format': 'id' }],
  },
};
const money = { type: 'string', format: 'decimal', pattern: '^-?\\d{1,15}(\\.\\d{1,2})?$' };
const TARGET: Record<string, unknown> = {
  'erp/order': {
    type: 'object',
    additionalProperties: false,
    required: ['externalId', 'status', 'customer'],
    properties: {
      externalId: { type: 'string' },
      status: { type: 'string', enum: ['open', 'closed'] },
      customer: { type: 'string' },
      date: { type: 'string', format: 'date' },
      at: { type: 'string', format: 'date-time' },
      title: { type: 'string', maxLength: 20 },
      note: { type: ['string', 'null'] },
      code: { type: 'string', pattern: '^[A-Z]{3}$' },
      count: { type: 'integer' },
      amount: money,
      urgent: { type: 'boolean' },
      lines: {
        type: 'array',
        items: {
          type: 'object',
          additionalProperties: false,
          required: ['item'],
          properties: {
            item: { type: 'string' },
            amount: money,
            quantity: { type: 'number' },
            price: { type: 'object', properties: { share: money } },
            codes: { type: 'array', items: { type: 'object', properties: { code: { type: 'string' } } } },
          },
        },
      },
      address: { type: 'object', additionalProperties: false, properties: { city: { type: 'string' } } },
    },
  },
  'erp/account': { type: 'object', required: ['externalId'], properties: { externalId: { type: 'string' } } },
};
const schemas: MappingSchemas = {
  avro: (name) =>
    AVRO[name]
      ? {
          definition: AVRO[name],
          fromJson: () => ({ ok: false, code: 'CROSSDOCK_CAPTURE_SCHEMA', path: '', message: '' }),
        }
      : undefined,
  target: (name) => (TARGET[name] ? { definition: TARGET[name], validate: () => [] } : undefined),
  source: () => undefined,
  names: () => [...Object.keys(AVRO), ...Object.keys(TARGET)],
};
const TABLES = new Map([['regions', readTable('regions', 'regions.yaml', 'rows: { north: R1 }', [])!]]);

/** Findings of a mapping with the fields given, below the three that are required. */
function check(yaml: string): { findings: Finding[]; mapping: CompiledMapping | undefined } {
  const findings: Finding[] = [];
  const tree = parseYaml('m.yaml', yaml, findings);
  return { findings, mapping: tree && compileMapping('m', 'm.yaml', tree, sidesOf(schemas, TABLES), findings) };
}

const HEAD = 'from: canonical/deal\nto: erp/order\ndocument: order\n'; // 3 lines
const REQUIRED = 'fields:\n  externalId: $key\n  status: { const: open }\n  customer: accountId\n'; // lines 4 to 7
const field = (text: string): string => `${HEAD}${REQUIRED}  ${text}\n`; // line 8, from column 3

/** A planted mistake, where it is told, and what of the message and suggestion. */
const PLANTED: [what: string, yaml: string, line: number, column: number, message: string][] = [
  [
    'an unknown field of the source',
    field('note: notee'),
    8,
    9,
    'canonical/deal has no field notee (did you mean "note"?)',
  ],
  [
    'an unknown field within an object',
    field('amount: total.amuont'),
    8,
    11,
    'total has no field amuont (did you mean "amount"?)',
  ],
  [
    'an unknown field of an item',
    field('lines: { each: lines, fields: { item: skku } }'),
    8,
    41,
    'lines[] has no field skku (did you mean "sku"?)',
  ],
  [
    'an unknown field of the target',
    field('titel: title'),
    8,
    3,
    'erp/order has no field titel (did you mean "title"?)',
  ],
  [
    'an unknown field of the target within an item',
    field('lines: { each: lines, fields: { item: sku, amont: amount } }'),
    8,
    46,
    'has no field amont',
  ],
  ['a wrong type', field('urgent: title'), 8, 11, 'urgent: takes true or false, but this is text'],
  [
    'text where a list of values is allowed',
    `${HEAD}fields:\n  externalId: $key\n  customer: accountId\n  status: title\n`,
    7,
    11,
    'status: takes one of open, closed, but this is text',
  ],
  ['an instant where a date belongs', field('date: closedAt'), 8, 9, 'add date: { zone: $zone }'],
  ['an object where a value belongs', field('amount: total'), 8, 11, 'amount: takes a decimal'],
  [
    'a list where a value belongs',
    field('title: lines.sku'),
    8,
    10,
    'lines is a list, so lines.sku has many values (use each: lines',
  ],
  [
    'a missing required field',
    `${HEAD}fields:\n  externalId: $key\n  status: { const: open }\n`,
    4,
    1,
    'erp/order needs customer (text), which is not mapped',
  ],
  [
    'a missing required field of an item',
    field('lines: { each: lines, fields: { amount: { from: amount, decimal: { scale: 2, round: down } } } }'),
    8,
    25,
    'lines[] of erp/order needs item',
  ],
  [
    'nullable into required',
    `${HEAD}fields:\n  externalId: $key\n  status: { const: open }\n  customer: note\n`,
    7,
    13,
    'customer is required, but this may be absent (add default: ..., missing: reject, or missing: hold)',
  ],
  [
    'an uncovered symbol',
    field('code: { from: stage, map: { OPEN: AAA, WON: BBB } }'),
    8,
    29,
    'map does not say what becomes of LOST',
  ],
  [
    'a symbol that does not exist',
    field('code: { from: stage, map: { OPNE: AAA, WON: BBB, LOST: CCC } }'),
    8,
    31,
    'OPNE is none of the symbols (did you mean "OPEN"?)',
  ],
  [
    'a symbol foreign to the target',
    `${HEAD}fields:\n  externalId: $key\n  customer: accountId\n  status: { from: stage, map: { OPEN: open, WON: opne, LOST: closed } }\n`,
    7,
    50,
    'status: takes one of open, closed, not opne (did you mean "open"?)',
  ],
  [
    'an enum of the source straight into another',
    `${HEAD}fields:\n  externalId: $key\n  customer: accountId\n  status: stage\n`,
    7,
    11,
    'status: does not take OPEN, WON, LOST',
  ],
  [
    'a map over text without a rest',
    field('code: { from: currency, map: { EUR: AAA } }'),
    8,
    32,
    'other values may come (add unmapped: reject, unmapped: hold, or default)',
  ],
  [
    'an unknown function',
    field('note: { from: note, call: vat-numbr }'),
    8,
    29,
    'there is no function vat-numbr (did you mean "vat-number"?)',
  ],
  [
    'an unknown table',
    field('note: { from: note, lookup: region, default: x }'),
    8,
    31,
    'there is no table region (did you mean "regions"?)',
  ],
  [
    'an unknown operator',
    field('amount: { from: total.amount, decimel: { scale: 2, round: half-up } }'),
    8,
    33,
    'unknown operator decimel (did you mean "decimal"?)',
  ],
  [
    'an unknown option',
    field('amount: { from: total.amount, decimal: { scale: 2, roundd: half-up } }'),
    8,
    54,
    'decimal has no option roundd (did you mean "round"?)',
  ],
  [
    'an unknown rounding',
    field('amount: { from: total.amount, decimal: { scale: 2, round: half-upp } }'),
    8,
    61,
    'there is no rounding half-upp (did you mean "half-up"?)',
  ],
  [
    'a decimal without rounding',
    field('amount: { from: total.amount, decimal: { scale: 2 } }'),
    8,
    42,
    'decimal: say how to round',
  ],
  [
    'an unknown text step',
    field('title: { from: title, then: [trimm, { truncate: 20 }], default: x }'),
    8,
    32,
    'there is no text step trimm (did you mean "trim"?)',
  ],
  ['an unknown variable', field('note: $kye'), 8, 9, 'there is no variable $kye (did you mean "$key"?)'],
  [
    'an unknown zone',
    field('date: { from: closedAt, date: { zone: Europe/Berlni } }'),
    8,
    41,
    'there is no zone Europe/Berlni',
  ],
  [
    'an integer where a decimal belongs',
    field('amount: count'),
    8,
    11,
    'amount: a decimal belongs here, but this is a whole number',
  ],
  [
    'a decimal where a whole number belongs',
    field('count: total.amount'),
    8,
    10,
    'count: takes a whole number, but this is a decimal',
  ],
  [
    'more digits than the target takes',
    field('amount: total.amount'),
    8,
    11,
    'amount: takes at most 2 fraction digits, but this has up to 9 (add decimal: { scale: 2, round: half-up })',
  ],
  [
    'a whole number rounded as an amount',
    field('amount: { from: count, decimal: { scale: 2, round: down } }'),
    8,
    19,
    'a decimal belongs here, but count is a whole number',
  ],
  [
    'a whole number summed as an amount',
    field('amount: { sum: lines.lineNo, decimal: { scale: 2, round: down } }'),
    8,
    18,
    'sum needs decimals, this is a whole number',
  ],
  [
    'a comparison of what is no amount',
    field('note: { from: note, equals: total.amount, within: "0.01" }'),
    8,
    17,
    'equals compares decimals, this is text',
  ],
  [
    'a product without rounding',
    field('lines: { each: lines, fields: { item: sku, quantity: { multiply: [quantity, amount] } } }'),
    8,
    68,
    'the digits of this product are not bounded',
  ],
  [
    'text longer than the target allows',
    field('title: title'),
    8,
    10,
    'title: takes at most 20 characters, but this may be longer (add then: [{ truncate: 20 }]',
  ],
  [
    'text truncated too late',
    field('title: { from: title, then: [{ truncate: 30 }] }'),
    8,
    32,
    'title: takes at most 20 characters',
  ],
  [
    'a constant that is too long',
    field('title: { const: "a title of more than twenty" }'),
    8,
    19,
    'is longer than 20 characters',
  ],
  ['a constant that breaks the pattern', field('code: { const: Eur }'), 8, 18, '"Eur" does not match ^[A-Z]{3}$'],
  ['a constant where a path belongs', field('count: 5'), 8, 10, '5 is not a path (a constant is { const: 5 })'],
  ['something that is no path', field('note: total..amount'), 8, 9, '"total..amount" is not a path'],
  [
    'a reference to an entity that does not exist',
    field('note: { from: accountId, reference: acount }'),
    8,
    39,
    'there is no canonical entity acount (did you mean "account"?)',
  ],
  [
    'a reference of the id of something else',
    field('note: { from: accountId, reference: deal }'),
    8,
    39,
    'this is an id of account, not of deal',
  ],
  [
    'a step after a field that delivery fills in',
    field('note: { from: note, values: terms, then: trim }'),
    8,
    38,
    'then cannot follow values',
  ],
  [
    'a sum with a value that delivery fills in later',
    field(
      'amount: { sum: [total.amount, { from: currency, map: { EUR: 1, USD: 2 }, unmapped: hold }], decimal: { scale: 2, round: down } }',
    ),
    8,
    33,
    'sum needs a value that is known here, but delivery fills this one in later',
  ],
  [
    'a product with a value that delivery fills in later',
    field(
      'amount: { multiply: [total.amount, { from: currency, map: { EUR: 1, USD: 2 }, unmapped: hold }], decimal: { scale: 2, round: down } }',
    ),
    8,
    38,
    'multiply needs a value that is known here, but delivery fills this one in later',
  ],
  [
    'a share by a value that delivery fills in later',
    field(
      'lines: { each: lines, fields: { item: sku, amount: { split: { of: $record.total.amount, by: { from: sku, map: { A: 1 }, unmapped: hold }, scale: 2 } } } }',
    ),
    8,
    95,
    'split needs a value that is known here, but delivery fills this one in later',
  ],
  [
    'a share of a value that delivery fills in later',
    field(
      'lines: { each: lines, fields: { item: sku, amount: { split: { of: { from: $record.title, map: { A: 1.50 }, unmapped: hold }, by: amount, scale: 2 } } } }',
    ),
    8,
    69,
    'split needs a value that is known here, but delivery fills this one in later',
  ],
  [
    'a text with a value that delivery fills in later',
    field('note: { concat: [title, { from: currency, map: { EUR: A }, unmapped: hold }] }'),
    8,
    27,
    'concat needs a value that is known here, but delivery fills this one in later',
  ],
  [
    'a comparison with a value that delivery fills in later',
    field(
      "amount: { from: total.amount, decimal: { scale: 2, round: down }, equals: { from: currency, map: { EUR: 1, USD: 2 }, unmapped: hold }, within: '0.01' }",
    ),
    8,
    77,
    'equals needs a value that is known here, but delivery fills this one in later',
  ],
  [
    'a check of a value that delivery fills in later',
    `${field('note: note')}checks:\n  - { from: currency, map: { EUR: 1.00 }, unmapped: hold, equals: total.amount, within: '1' }\n`,
    10,
    5,
    'a check needs a value that is known here',
  ],
  [
    'the same text of a value that delivery fills in later',
    `${field('note: note')}checks:\n  - same: [title, { from: currency, map: { EUR: A }, unmapped: hold }]\n`,
    10,
    19,
    'same needs a value that is known here',
  ],
  [
    'a sum of what delivery fills in later',
    field(
      'lines: { list: [{ fields: { item: title, amount: { from: currency, map: { EUR: 1.00 }, unmapped: hold } } }, { fields: { item: title, amount: { const: 1.00 } } }] }\n  amount: { sum: $target.lines.amount }',
    ),
    9,
    18,
    'lines.amount cannot be summed, for delivery fills some of it in later',
  ],
  ['a field without a source', field('note: { then: trim }'), 8, 9, 'nothing says where the value comes from'],
  [
    'a field with two sources',
    field('note: { from: note, const: x }'),
    8,
    23,
    'from and const both say where the value comes from',
  ],
  [
    'on: create on a required field',
    `${HEAD}fields:\n  externalId: $key\n  customer: accountId\n  status: { const: open, on: create }\n`,
    7,
    26,
    'status is required, so an update needs it too',
  ],
  [
    'a sum of what is mapped further below',
    field('amount: { sum: $target.lines.amount }\n  lines: { each: lines, fields: { item: sku } }'),
    8,
    18,
    'lines.amount is mapped further below (move this field below lines)',
  ],
  ['a sum over text', field('amount: { sum: lines.sku }'), 8, 18, 'sum needs decimals, this is text'],
  [
    'equals without within',
    field('amount: { sum: lines.amount, equals: total.amount, decimal: { scale: 2, round: down } }'),
    8,
    32,
    'equals needs within',
  ],
  [
    'a tolerance that is none',
    field('amount: { sum: lines.amount, equals: total.amount, within: "1 %", decimal: { scale: 2, round: down } }'),
    8,
    62,
    'within takes an amount',
  ],
  [
    'a split outside of each',
    field('amount: { split: { of: total.amount, by: count, scale: 2 } }'),
    8,
    20,
    'split stands inside each',
  ],
  [
    'a split within an object of an item',
    field(
      'lines: { each: lines, fields: { item: sku, price: { from: price, fields: { share: { split: { of: $record.total.amount, by: amount, scale: 2 } } } } } }',
    ),
    8,
    94,
    'split stands inside each, not inside fields with from',
  ],
  [
    'a split of what one item has',
    field('lines: { each: lines, fields: { item: sku, amount: { split: { of: amount, by: quantity, scale: 2 } } } }'),
    8,
    69,
    'of is one total for all items, so it cannot read amount (name a field of the record: $record.tax.amount)',
  ],
  [
    'a split of a total on a condition of one item',
    field(
      'lines: { each: lines, fields: { item: sku, amount: { split: { of: { from: $record.total.amount, when: { sku: A } }, by: quantity, scale: 2 } } } }',
    ),
    8,
    107,
    'of is one total for all items, so it cannot read sku',
  ],
  [
    'a split of what the items before have',
    field(
      'lines: { each: lines, fields: { item: sku, amount: { const: 1.00 }, price: { fields: { share: { split: { of: { sum: $target.lines.amount }, by: quantity, scale: 2 } } } } } }',
    ),
    8,
    119,
    'of is one total for all items, so it cannot read $target.lines.amount',
  ],
  [
    'a plain path among groups',
    field('lines: { each: lines, group: sku, fields: { item: sku, quantity: quantity } }'),
    8,
    68,
    'quantity is a field of one item, but these are groups',
  ],
  [
    'groups of what has no one value',
    field('lines: { each: lines, group: price, fields: { item: { const: x } } }'),
    8,
    32,
    'group needs values that can be the same, this is an object',
  ],
  [
    'a list of one item among groups',
    field(
      'lines: { each: lines, group: sku, fields: { item: sku, codes: { each: batches, fields: { code: code } } } }',
    ),
    8,
    73,
    'batches is a field of one item, but these are groups',
  ],
  [
    'a tolerance per item of a list of one item among groups',
    field(
      'lines: { each: lines, group: sku, fields: { item: sku, amount: { sum: $group.amount, equals: $record.total.amount, within: "1 x batches", decimal: { scale: 2, round: down } } } }',
    ),
    8,
    126,
    'batches is a field of one item, but these are groups',
  ],
  [
    'a condition on a list of one item among groups',
    field(
      'lines: { each: lines, group: sku, fields: { item: sku, amount: { sum: $group.amount, decimal: { scale: 2, round: down }, when: { batches: present } } } }',
    ),
    8,
    132,
    'batches is a field of one item, but these are groups',
  ],
  [
    'a default of the wrong kind',
    field('amount: { from: tax.amount, default: none, decimal: { scale: 2, round: down } }'),
    8,
    40,
    'default: a decimal with at most 9 fraction digits is wanted here, not the text "none"',
  ],
  [
    'an unknown symbol in when',
    `${HEAD}when: { stage: WONN }\n${REQUIRED}`,
    4,
    16,
    'WONN is none of its symbols (did you mean "WON"?)',
  ],
  [
    'an unknown field in when',
    `${HEAD}when: { stag: WON }\n${REQUIRED}`,
    4,
    9,
    'has no field stag (did you mean "stage"?)',
  ],
  [
    'a test that tests nothing',
    `${HEAD}when: { stage: {} }\n${REQUIRED}`,
    4,
    16,
    'nothing says what it must be (a value, present, or { not: ... })',
  ],
  [
    'a test against none of several',
    `${HEAD}when: { stage: { not: [] } }\n${REQUIRED}`,
    4,
    23,
    'nothing says what it must be',
  ],
  [
    'a pattern that could run for ever',
    `${HEAD}when: { title: { matches: "(a)\\\\1" } }\n${REQUIRED}`,
    4,
    27,
    'not a pattern that runs in linear time',
  ],
  [
    'otherwise misspelt',
    `${HEAD}when: { stage: WON }\notherwise: withdrew\n${REQUIRED}`,
    5,
    12,
    'otherwise is ignore or withdraw (did you mean "withdraw"?)',
  ],
  ['otherwise without when', `${HEAD}otherwise: withdraw\n${REQUIRED}`, 4, 1, 'otherwise without when never happens'],
  ['an unknown key at the top', `${HEAD}filds: {}\n${REQUIRED}`, 4, 1, 'unknown key filds (did you mean "fields"?)'],
  [
    'an unknown schema of the source',
    `from: canonical/del\nto: erp/order\ndocument: order\n${REQUIRED}`,
    1,
    7,
    'there is no schema canonical/del (did you mean "canonical/deal"?)',
  ],
  [
    'an unknown schema of the target',
    `from: canonical/deal\nto: erp/ordr\ndocument: order\n${REQUIRED}`,
    2,
    5,
    'there is no schema erp/ordr (did you mean "erp/order"?)',
  ],
  ['no document type', `from: canonical/deal\nto: erp/order\n${REQUIRED}`, 1, 1, 'document is missing'],
  ['a key twice', field('note: note\n  note: title'), 9, 3, 'not valid YAML'],
  ['an anchor', field('note: &x note\n  title: *x'), 9, 10, 'anchors and aliases are not part of the language'],
];

describe('the check of a mapping', () => {
  for (const [what, yaml, line, column, message] of PLANTED)
    it(`tells ${what} with its place`, () => {
      const { findings, mapping } = check(yaml);
      expect(findings.map(formatFinding)).toEqual([expect.stringContaining(message)]);
      expect(findings[0]).toMatchObject({ file: 'm.yaml', line, column });
      expect(mapping).toBeUndefined();
    });

  it('accepts what is right, and gives a mapping', () => {
    const { findings, mapping } = check(field('title: { from: title, then: [{ truncate: 20 }] }'));
    expect(findings).toEqual([]);
    expect(mapping?.document).toBe('order');
  });

  it('tells all mistakes of a file at once, in the order of the file', () => {
    const { findings } = check(
      `${HEAD}fields:\n  externalId: $kye\n  status: stag\n  titel: title\n  count: total.amount\n`,
    );
    expect(findings.map(({ line }) => line).sort()).toEqual([4, 5, 6, 7, 8]);
  });
});

describe('the check of flows against mappings', () => {
  const orders = check(
    `${HEAD}fields:\n  externalId: $key\n  status: { const: open }\n  customer: { from: accountId, reference: account }\n  title: { const: x, on: create }\n`,
  ).mapping!;
  const account = (document: string): CompiledMapping => ({
    ...check(`from: canonical/account\nto: erp/account\ndocument: ${document}\nfields:\n  externalId: $key\n`).mapping!,
    name: document,
  });
  const mappings = new Map([
    ['m', orders],
    ['account', account('account')],
    ['billing', account('billingAccount')],
  ]);
  const flow = (name: string, entity: string, mapping: string, more: Partial<MappingFlow> = {}): MappingFlow => ({
    flow: name,
    entity,
    connection: 'erp',
    mapping,
    position: { file: 'crossdock.yaml', line: 9, column: 5 },
    ...more,
  });
  const declared = (operations: ('write' | 'create' | 'update')[], schema = 'erp/order'): DocumentDeclaration => ({
    document: 'order',
    nature: 'state',
    schema,
    operations: new Set(operations),
    canFind: true,
    repeatIsSafe: {},
    settleMs: 0,
    idIsKey: false,
  });
  const bind = (...flows: MappingFlow[]) => {
    const findings: Finding[] = [];
    const bound = bindFlows(flows, mappings, new Set(), findings);
    return { bound, told: findings.map(formatFinding) };
  };
  const deals = flow('deals', 'deal', 'm');
  const accounts = flow('accounts', 'account', 'account');

  it("finds the document of a referenced entity in the flow's own connection", () => {
    const { bound, told } = bind(deals, accounts);
    expect(told).toEqual([]);
    expect(bound.get('deals')).toMatchObject({
      document: 'order',
      schema: 'erp/order',
      references: { account: 'account' },
    });
  });

  it('tells a reference to an entity that no flow delivers to that connection', () => {
    const { told } = bind(deals, { ...accounts, connection: 'other' });
    expect(told).toEqual([
      'm.yaml:7:43: reference: no flow delivers account to erp (flow deals) (add a flow on crm.account to erp)',
    ]);
  });

  it('tells an entity with two documents there, unless one is named', () => {
    const { told } = bind(deals, accounts, flow('billing', 'account', 'billing'));
    expect(told).toEqual([
      'm.yaml:7:43: reference: account is account and billingAccount in erp (flow deals) (say reference: account.account)',
    ]);
  });

  it('tells on: create where an upsert writes the document', () => {
    const documents = new Map([['order', declared(['write'])]]);
    expect(bind({ ...deals, documents }, accounts).told).toEqual([
      expect.stringContaining('m.yaml:8:22: title: on: create has no effect, because erp writes order by an upsert'),
    ]);
    expect(bind({ ...deals, documents: new Map([['order', declared(['create', 'update'])]]) }, accounts).told).toEqual(
      [],
    );
  });

  it('tells a document that the connection does not have, or has in another shape', () => {
    expect(bind({ ...deals, documents: new Map() }, accounts).told).toEqual([
      expect.stringContaining('erp has no document order'),
    ]);
    const other = new Map([['order', declared(['create'], 'erp/account')]]);
    expect(bind({ ...deals, documents: other }, accounts).told).toEqual([
      expect.stringContaining('erp takes erp/account as order, but the mapping m makes erp/order'),
    ]);
  });

  it('tells two flows that write one document of one connection from one entity', () => {
    const { told } = bind(deals, accounts, flow('again', 'deal', 'm'));
    expect(told).toEqual([
      'crossdock.yaml:9:5: the flows deals and again both write order of deal into erp (one of them must go)',
    ]);
  });

  it('tells a flow whose mapping does not exist, or is from another entity', () => {
    expect(bind(flow('x', 'deal', 'acount')).told).toEqual([
      'crossdock.yaml:9:5: there is no mapping acount (did you mean "account"?)',
    ]);
    expect(bind(flow('x', 'account', 'm')).told).toEqual([
      expect.stringContaining('the mapping m is from canonical/deal'),
    ]);
  });
});
