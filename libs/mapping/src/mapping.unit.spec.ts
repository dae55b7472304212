import { describe, expect, it } from '@jest/globals';
import { Decimal, formatFinding } from '#contracts';
import type { Envelope, Finding } from '#contracts';
import { parseExactJson, writeExactJson } from '#schema';
import { Bundle } from './bundle.ts';
import { FUNCTIONS } from './functions/index.ts';
import { compileMapping } from './mapping.ts';
import type { CompiledMapping, Mapped } from './mapping.ts';
import type { MappingSchemas } from './sides.ts';
import { shapeOfAvro } from './shape-avro.ts';
import { shapeOfJsonSchema } from './shape-json-schema.ts';
import type { Source } from './scope.ts';
import type { RecordShape } from './shape.ts';
import { parseDate } from './operators/date-format.ts';
import { parseYaml } from './yaml.ts';

const decimal = { type: 'bytes', logicalType: 'decimal', precision: 38, scale: 9 };
const optional = (type: unknown): unknown => ['null', type];
const SOURCE = shapeOfAvro(
  {
    type: 'record',
    name: 'Deal',
    fields: [
      { name: 'id', type: 'string' },
      { name: 'title', type: optional('string') },
      { name: 'price', type: optional(decimal) },
      {
        name: 'address',
        type: optional({ type: 'record', name: 'Address', fields: [{ name: 'city', type: optional('string') }] }),
      },
      {
        name: 'lines',
        type: {
          type: 'array',
          items: {
            type: 'record',
            name: 'Line',
            fields: [
              { name: 'sku', type: 'string' },
              { name: 'unit', type: optional('string') },
              { name: 'productId', type: optional('string'), 'x-entity': 'product' },
              { name: 'weight', type: decimal },
            ],
          },
        },
      },
      { name: 'custom', type: { type: 'map', values: 'string' } },
    ],
  },
  () => undefined,
);
const text = { type: 'string' };
const nullable = { type: ['string', 'null'] };
const TARGET = shapeOfJsonSchema({
  type: 'object',
  additionalProperties: false,
  properties: {
    key: text,
    title: nullable,
    firm: text,
    city: nullable,
    big: { type: 'number' },
    address: { anyOf: [{ type: 'object', properties: { town: nullable, zip: text } }, { type: 'null' }] },
    lines: {
      type: 'array',
      items: {
        type: 'object',
        properties: {
          item: text,
          unit: nullable,
          product: text,
          share: text,
          parts: { type: 'array', items: { type: 'object', properties: { code: text } } },
        },
      },
    },
    'a/b~c': text,
  },
});
const ENVELOPE: Envelope = {
  id: 'e-2',
  source: 'crm',
  type: 'crm.deal.updated',
  subject: '7',
  time: '',
  dataschema: '',
  tenant: 'acme',
  partitionkey: 'acme:deal:7',
  aggregateversion: 9n,
  correlationid: '',
  hopcount: 0,
};

function compile(
  yaml: string,
  source: RecordShape = SOURCE,
  target: RecordShape = TARGET,
  sides: { json?: boolean; canonical?: boolean } = {},
): CompiledMapping {
  const findings: Finding[] = [];
  const tree = parseYaml('m.yaml', yaml, findings);
  const mapping =
    tree &&
    compileMapping(
      'm',
      'm.yaml',
      tree,
      {
        source: () => ({ shape: source, json: sides.json ?? false }),
        target: () => ({ shape: target, canonical: sides.canonical ?? false }),
        sourceNames: [],
        targetNames: [],
        entities: new Set(['product']),
        tables: new Map(),
        functions: FUNCTIONS,
      },
      findings,
    );
  expect(findings.map(formatFinding)).toEqual([]);
  return mapping!;
}

function map(fields: string, record: object, rest = ''): Mapped {
  const mapping = compile(`from: canonical/deal\nto: t/deal\ndocument: deal\nfields:\n${fields}\n${rest}`);
  const whole = { id: '7', title: null, price: null, address: null, lines: [], custom: {}, cleared: [], ...record };
  return mapping.run(whole, ENVELOPE, 'UTC', { product: 'article' });
}

function json(mapped: Mapped): unknown {
  return mapped.kind === 'document' ? JSON.parse(writeExactJson(mapped.body)) : mapped;
}
const line = (sku: string, more: object = {}): object => ({
  sku,
  unit: null,
  productId: null,
  weight: new Decimal(1),
  ...more,
});

describe('a mapping tells absent, cleared and empty apart', () => {
  it('leaves out what is absent, writes null for what the source cleared, keeps what is empty', () => {
    expect(json(map('  title: title', {}))).toEqual({});
    expect(json(map('  title: title', { cleared: ['title'] }))).toEqual({ title: null });
    expect(json(map('  title: title', { title: '' }))).toEqual({ title: '' });
    expect(json(map('  lines: { each: lines, fields: { item: sku } }', {}))).toEqual({ lines: [] });
  });

  it('leaves out what was cleared where the target takes no null', () => {
    expect(json(map('  firm: title', { cleared: ['title'] }))).toEqual({});
  });

  it('clears what stands within an object that was cleared', () => {
    expect(json(map('  city: address.city', { cleared: ['address'] }))).toEqual({ city: null });
    expect(json(map('  city: address.city', {}))).toEqual({});
    expect(json(map('  address: { from: address, fields: { town: city } }', { cleared: ['address'] }))).toEqual({
      address: null,
    });
    expect(
      json(
        map('  address: { from: address, fields: { town: city } }', {
          address: { city: null },
          cleared: ['address.city'],
        }),
      ),
    ).toEqual({ address: { town: null } });
  });

  it('clears the field of the one line whose field was cleared, also behind a filter', () => {
    const lines = [line('A'), line('B'), line('C', { unit: 'kg' })];
    const expected = {
      lines: [
        { item: 'B', unit: null },
        { item: 'C', unit: 'kg' },
      ],
    };
    const fields = '  lines: { each: lines, filter: { sku: { not: A } }, fields: { item: sku, unit: unit } }';
    expect(json(map(fields, { lines, cleared: ['lines[1].unit'] }))).toEqual(expected);
  });

  it('takes the default for what is cleared as for what is absent', () => {
    expect(json(map('  title: { from: title, default: none }', { cleared: ['title'] }))).toEqual({ title: 'none' });
  });
});

describe('open fields and fields of a create only', () => {
  it('are named by pointers, within lists and with escapes', () => {
    const mapped = map(
      `  'a/b~c': { from: title, values: titles, on: create }
  lines:
    each: lines
    fields:
      item: { from: sku, when: { sku: { not: A } }, on: create }
      product: { from: productId, reference: product }`,
      { title: 'x', lines: [line('A', { productId: 'P-1' }), line('B'), line('C', { productId: 'P:3' })] },
    );
    expect(mapped).toMatchObject({
      open: [
        { pointer: '/a~1b~0c', values: { set: 'titles', from: 'x' } },
        { pointer: '/lines/0/product', reference: { document: 'article', key: 'acme:product:P-1' } },
        { pointer: '/lines/2/product', reference: { document: 'article', key: 'acme:product:P:3' } },
      ],
      createOnly: ['/a~1b~0c', '/lines/1/item', '/lines/2/item'],
    });
    expect(json(mapped)).toEqual({ lines: [{}, { item: 'B' }, { item: 'C' }] });
  });

  it('say where the target takes a number', () => {
    const target = shapeOfJsonSchema({
      type: 'object',
      properties: { id: { type: 'integer' }, code: { type: 'number' } },
    });
    const yaml =
      'from: x\nto: y\ndocument: d\nfields: { id: { from: id, reference: product }, code: { from: title, values: codes } }';
    const mapping = compile(yaml, SOURCE, target);
    expect(mapping.run({ id: '7', title: 'x' }, ENVELOPE, 'UTC', {})).toMatchObject({
      open: [
        { pointer: '/id', as: 'number', reference: { document: 'product', key: 'acme:product:7' } },
        { pointer: '/code', as: 'number', values: { set: 'codes', from: 'x' } },
      ],
    });
  });

  it('keeps an object whose only field is open, for its parent must be there', () => {
    const mapped = map('  address: { fields: { zip: { from: title, values: zips } } }', { title: 'x' });
    expect(json(mapped)).toEqual({ address: {} });
    expect(json(map('  address: { fields: { zip: { from: title, values: zips } } }', {}))).toEqual({});
  });
});

describe('lists within lists', () => {
  it('know their own items, and the record by its name', () => {
    const fields = `  lines:
    each: lines
    fields:
      item: sku
      parts: { each: $record.lines, fields: { code: { template: "{$record.id}-{sku}" } } }`;
    const parts = [{ code: '7-A' }, { code: '7-B' }];
    expect(json(map(fields, { lines: [line('A'), line('B')] }))).toEqual({
      lines: [
        { item: 'A', parts },
        { item: 'B', parts },
      ],
    });
  });

  it.each([
    ['filtered where something was cleared', 'each: lines, filter: { sku: present }, fields: { unit: unit }'],
    ['grouped where something was cleared', 'each: lines, group: [sku, unit], fields: { item: sku }'],
  ])('are %s in time in proportion to their length', (_, fields) => {
    const mapping = compile(`from: s\nto: t\ndocument: d\nfields: { lines: { ${fields} } }`);
    const ms = (count: number): number => {
      const lines = Array.from({ length: count }, (_one, index) => line(String(index)));
      const record = { id: '7', price: new Decimal(1), lines, cleared: ['title'] };
      const before = process.cpuUsage(); // of the processor: what else the machine does is not ours
      expect(mapping.run(record, ENVELOPE, 'UTC', {}).kind).toBe('document');
      const { user, system } = process.cpuUsage(before);
      return (user + system) / 1_000;
    };
    const took = (count: number): number => Math.min(ms(count), ms(count));
    for (const count of [1_000, 10_000]) {
      const small = took(count);
      expect(ms(10 * count) / Math.max(small, 5)).toBeLessThan(40); // quadratic would be 100
    }
  });

  it('splits anew for every event', () => {
    const fields =
      '  lines: { each: lines, fields: { share: { split: { of: $record.price, by: weight, scale: 2 } } } }';
    const lines = [line('A'), line('B'), line('C')];
    const shares = (price: string): unknown => json(map(fields, { price: new Decimal(price), lines }));
    expect(shares('0.05')).toEqual({ lines: [{ share: '0.02' }, { share: '0.02' }, { share: '0.01' }] });
    expect(shares('-0.05')).toEqual({ lines: [{ share: '-0.01' }, { share: '-0.02' }, { share: '-0.02' }] });
    expect(shares('0.055')).toMatchObject({ kind: 'rejected', reason: expect.stringContaining('lines[0].share') });
  });

  it('split a total of the document as it was rounded', () => {
    const fields = `  big: { from: price, decimal: { scale: 2, round: half-up } }
  lines: { each: lines, fields: { share: { split: { of: { sum: $target.big }, by: weight, scale: 2 } } } }`;
    const made = json(map(fields, { price: new Decimal('10.005'), lines: [line('A'), line('B')] }));
    expect(made).toMatchObject({ lines: [{ share: '5.01' }, { share: '5.00' }] });
  });
});

describe('numbers', () => {
  it('keep every digit', () => {
    const price = new Decimal('12345678901234567890123456789.123456789');
    const mapped = map('  big: price', { price });
    expect(mapped.kind === 'document' && writeExactJson(mapped.body)).toBe(
      '{"big":12345678901234567890123456789.123456789}',
    );
  });
});

describe('dates', () => {
  const source = shapeOfAvro(
    {
      type: 'record',
      name: 'At',
      fields: [
        { name: 'id', type: 'string' },
        { name: 'at', type: { type: 'long', logicalType: 'timestamp-millis' } },
      ],
    },
    () => undefined,
  );
  const target = shapeOfJsonSchema({
    type: 'object',
    properties: {
      day: { type: 'string', format: 'date' },
      local: { type: 'string', format: 'date-time' },
      utc: { type: 'string', format: 'date-time' },
    },
  });
  const made = (field: string, at: string): unknown =>
    json(
      compile(`from: s\nto: t\ndocument: d\nfields: { ${field} }`, source, target).run(
        { id: '7', at: new Date(at) },
        ENVELOPE,
        'Asia/Kolkata',
        {},
      ),
    );
  const day = 'day: { from: at, date: { zone: $zone } }';
  const local = 'local: { from: at, datetime: { zone: $zone } }';
  const refused = (field: string): object => ({
    kind: 'rejected',
    reason: `${field}: the year is not one of 0001 to 9999`,
  });

  it('are of the years 0001 to 9999, or refused', () => {
    expect(made(day, '9999-12-31T18:29:59Z')).toEqual({ day: '9999-12-31' });
    expect(made(local, '9999-12-31T18:29:59Z')).toEqual({ local: '9999-12-31T23:59:59.000+05:30' });
    expect(made(day, '0001-01-01T12:00:00Z')).toEqual({ day: '0001-01-01' });
    expect(made(day, '9999-12-31T18:30:00Z')).toEqual(refused('day'));
    expect(made(local, '9999-12-31T18:30:00Z')).toEqual(refused('local'));
    expect(made(day, '0000-12-30T12:00:00Z')).toEqual(refused('day'));
    expect(made('utc: at', '9999-12-31T23:59:59.999Z')).toEqual({ utc: '9999-12-31T23:59:59.999Z' });
    expect(made('utc: at', '+010000-01-01T00:00:00Z')).toEqual(refused('utc'));
    expect(made('utc: at', '-000001-01-01T00:00:00Z')).toEqual(refused('utc'));
    expect(parseDate('01.01.0001', 'DD.MM.YYYY')).toBe('0001-01-01');
    expect(parseDate('01.01.0000', 'DD.MM.YYYY')).toBeUndefined();
  });
});

describe('conditions', () => {
  const when = (condition: string, record: object): string => map('  key: $key', record, `when: ${condition}`).kind;

  it('compare, combine and match in linear time', () => {
    const price = new Decimal('10');
    expect(when('{ title: present }', { title: 'x' })).toBe('document');
    expect(when('{ title: absent }', { title: 'x' })).toBe('ignored');
    expect(when('{ price: { above: 9.99, below: 10.01 } }', { price })).toBe('document');
    expect(when('{ price: { above: 10 } }', { price })).toBe('ignored');
    expect(when('{ price: { atLeast: 10, atMost: 10 } }', { price })).toBe('document');
    expect(when('{ price: 10.00 }', { price })).toBe('document');
    expect(when('{ price: 10 }', {})).toBe('ignored');
    expect(when('{ custom.region: [north, south] }', { custom: { region: 'south' } })).toBe('document');
    expect(when('{ lines: present }', {})).toBe('ignored');
    expect(when('{ lines: absent }', {})).toBe('document');
    expect(when('{ $record.lines: present }', {})).toBe('ignored');
    expect(when('{ $record.lines: present }', { lines: [line('A')] })).toBe('document');
    expect(when('{ any: [{ title: x }, { price: present }] }', { price })).toBe('document');
    expect(when('{ title: { matches: "^(a+)+$" } }', { title: `${'a'.repeat(50)}b` })).toBe('ignored');
  });

  it('know the symbols of an enum that the file writes as numbers or flags', () => {
    const fields = { id: text, code: { enum: ['1', '2', 'true'] } };
    const source = shapeOfJsonSchema({ type: 'object', properties: fields });
    const kind = (test: string, code: string): string =>
      compile(`from: s\nto: t\ndocument: d\nwhen: { code: ${test} }\nfields: { key: id }`, source).run(
        { id: '7', code },
        ENVELOPE,
        'UTC',
        {},
      ).kind;
    expect(kind('1', '1')).toBe('document');
    expect(kind('1', '2')).toBe('ignored');
    expect(kind('[1, 2]', '2')).toBe('document');
    expect(kind('{ not: 1 }', '1')).toBe('ignored');
    expect(kind('true', 'true')).toBe('document');
  });

  it('say why they do not hold, without the text of the record', () => {
    expect(map('  key: $key', { title: 'secret' }, 'when: { title: public }')).toEqual({
      kind: 'ignored',
      reason: 'title is another, wanted the given text',
    });
    expect(map('  key: $key', {}, 'when: { lines: present }')).toMatchObject({
      reason: 'lines is absent, wanted present',
    });
  });
});

describe('missing values', () => {
  it('refuse the event or hold the document, by what the mapping says', () => {
    const required = shapeOfJsonSchema({ type: 'object', required: ['a', 'b'], properties: { a: text, b: text } });
    const yaml =
      'from: x\nto: y\ndocument: d\nfields: { a: { from: title, missing: hold }, b: { from: address.city, missing: hold } }';
    const mapping = compile(yaml, SOURCE, required);
    expect(mapping.run({ id: '7' }, ENVELOPE, 'UTC', {})).toMatchObject({
      kind: 'document',
      review: 'a has no value: title is absent; b has no value: address.city is absent',
    });
  });
});

describe('a mapping from a source to the canonical model', () => {
  const schema = shapeOfJsonSchema({
    type: 'object',
    required: ['Id'],
    properties: {
      Id: { type: 'integer' },
      Name: nullable,
      Amount: { type: ['number', 'null'] },
      Stage: text,
      Closed: { type: 'string' },
      Tax: {
        type: 'object',
        properties: {
          amount: { type: 'string', format: 'decimal' },
          of: { type: 'object', properties: { rate: text } },
        },
      },
      Extra: { type: 'object' },
      Items: {
        type: 'array',
        items: { type: 'object', required: ['Code'], properties: { Code: text, Price: { type: 'number' } } },
      },
    },
  });
  const target = shapeOfAvro(
    {
      type: 'record',
      name: 'Deal',
      fields: [
        { name: 'id', type: 'string' },
        { name: 'title', type: optional('string'), default: null },
        { name: 'stage', type: { type: 'enum', name: 'Stage', symbols: ['OPEN', 'WON'] } },
        { name: 'closedAt', type: optional({ type: 'long', logicalType: 'timestamp-millis' }), default: null },
        {
          name: 'total',
          type: optional({
            type: 'record',
            name: 'Money',
            fields: [
              { name: 'amount', type: decimal },
              { name: 'currency', type: 'string', 'x-format': 'iso4217' },
            ],
          }),
          default: null,
        },
        {
          name: 'lines',
          type: {
            type: 'array',
            items: {
              type: 'record',
              name: 'L',
              fields: [
                { name: 'sku', type: 'string' },
                { name: 'price', type: optional(decimal), default: null },
              ],
            },
          },
          default: [],
        },
      ],
    },
    () => undefined,
  );
  const yaml = `from: sources/acme/deal
to: canonical/deal
fields:
  id: Id
  title: Name
  stage: { from: Stage, map: { Closed Won: WON }, default: OPEN }
  closedAt: { from: Closed, datetime: { zone: $zone } }
  total:
    fields:
      amount: { from: Amount, missing: reject }
      currency: { const: EUR }
  lines: { each: Items, fields: { sku: Code, price: Price } }
`;
  const mapping = compile(yaml, schema, target, { json: true, canonical: true });
  const none = {
    avro: () => undefined,
    target: () => undefined,
    source: () => undefined,
    names: () => [],
  } satisfies MappingSchemas;
  const bundle = new Bundle({
    hash: '',
    mappings: new Map([['m', mapping]]),
    flows: new Map(),
    cases: new Map(),
    schemas: none,
  });
  const normalise = (data: string): unknown => {
    const result = bundle.normalise('m', parseExactJson(data), { zone: 'Europe/Berlin' });
    return result.ok ? writeExactJson(result.json) : result.message;
  };

  it('gives its JSON form, numbers by their digits and explicit nulls kept', () => {
    const data =
      '{"Id": 9007199254740993, "Name": null, "Amount": 1.10, "Stage": "Closed Won", "Closed": "2026-07-01 12:00", "Items": [{"Code": "A", "Price": 0.10}]}';
    expect(normalise(data)).toBe(
      '{"id":"9007199254740993","title":null,"stage":"WON","closedAt":"2026-07-01T10:00:00.000Z","total":{"amount":"1.1","currency":"EUR"},"lines":[{"sku":"A","price":"0.1"}]}',
    );
  });

  it('refuses what is not as its schema says, and names the place', () => {
    expect(normalise('{"Id": "x", "Amount": 1}')).toBe('id: a value is not a whole number');
    expect(normalise('{"Id": 1}')).toBe('total.amount is missing: Amount is absent');
    expect(normalise('{"Id": 1, "Amount": 1, "Items": 3}')).toBe('lines: Items is not a list');
    expect(normalise('{"Id": 1, "Amount": 1, "Items": [{"Code": "A"}, 5]}')).toBe(
      'lines[1]: an item of Items is not an object',
    );
    expect(normalise('[]')).toBe('the record is not an object');
    expect(normalise('5')).toBe('the record is not an object');
  });

  it('refuses a list with an item that is no object, also before a filter, a group or a split looks at it', () => {
    const read = (each: string): unknown => {
      const yaml = `from: s\nto: t\ndocument: d\nfields: { lines: { each: Items, ${each} } }`;
      const data = parseExactJson('{"Id":1,"Amount":1,"Items":[{"Code":"A","Price":1},null]}') as object as Source;
      return compile(yaml, schema, TARGET, { json: true }).run(data, ENVELOPE, 'UTC', {});
    };
    const refused = { kind: 'rejected', reason: 'lines[1]: an item of Items is not an object' };
    expect(read('fields: { item: Code }')).toEqual(refused);
    expect(read('filter: { Code: present }, fields: { item: Code }')).toEqual(refused);
    expect(read('group: Code, fields: { item: Code }')).toEqual(refused);
    expect(read('fields: { share: { split: { of: $record.Amount, by: Price, scale: 2 } } }')).toEqual(refused);
  });

  it('refuses a path through what has no fields, and does not take the field for absent', () => {
    const read = (field: string, data: string): unknown => {
      const one = compile(`from: s\nto: t\ndocument: d\nfields: { ${field} }`, schema, TARGET, { json: true });
      const mapped = one.run(parseExactJson(`{"Id":1,${data}}`) as object as Source, ENVELOPE, 'UTC', {});
      return mapped.kind === 'rejected' ? mapped.reason : json(mapped);
    };
    const tax = 'big: Tax.amount';
    for (const value of ['"19.00"', '19.00', '["19.00"]', 'true'])
      expect(read(tax, `"Tax":${value}`)).toBe('big: Tax is not an object');
    for (const data of ['"Tax":{"amount":null}', '"Tax":{}', '"Tax":null', '"Name":"x"'])
      expect(read(tax, data)).toEqual({});
    expect(read('firm: Tax.of.rate', '"Tax":{"of":"x"}')).toBe('firm: Tax.of is not an object');
    expect(read('address: Extra.a.b', '"Extra":"x"')).toBe('address: Extra is not an object');
    expect(read('address: Extra.a.b', '"Extra":{"a":"x"}')).toEqual({}); // where the schema lets anything stand
    expect(read('big: { sum: Tax.amount }', '"Tax":"19.00"')).toBe('big: Tax is not an object');
    expect(read('big: { sum: Tax.amount }', '"Tax":[{"amount":"19.00"}]')).toBe('big: Tax is a list');
    expect(read('big: { sum: Items.Price }', '"Items":["19.00"]')).toBe('big: an item of Items is not an object');
    expect(read('big: { sum: Items.Price }', '"Items":{"Price":19.00}')).toBe('big: Items is not a list');
    expect(read('big: { sum: Items.Price }', '"Items":[{"Price":19.00},null,{}]')).toEqual({ big: 19 });
  });

  it('refuses a number with more digits than a decimal in text may have, before anything is computed of it', () => {
    const many = '1'.repeat(100_000);
    const good = [`${'9'.repeat(30)}.${'9'.repeat(30)}`, `0.${'1'.repeat(1_074)}`, '1.5E+003', '-1e-80', '0e999999999'];
    const bad = [many, `0.${many}`, `1e${many}`, `${many}e-99999`, '1e81', '1e999999999', `${'9'.repeat(31)}`];
    for (const text of good) expect(normalise(`{"Id": 1, "Amount": ${text}}`)).toMatch(/^\{/);
    for (const text of bad)
      expect(normalise(`{"Id": 1, "Amount": ${text}}`)).toBe('total.amount: a value is not a decimal');
  });
});
