import { fileURLToPath } from 'node:url';
import { describe, expect, it } from '@jest/globals';
import avsc from 'avsc';
import fc from 'fast-check';
import { Decimal } from '#contracts';
import { parseExactJson } from '../json/parse.ts';
import { writeExactJson } from '../json/write.ts';
import { loadSchemas } from '../load-schemas.ts';
import { AvroSchema } from './avro-schema.ts';
import { dateOfDays, daysOfDate } from './calendar.ts';
import { decimalFromText, scaled, unscaled } from './decimal.ts';
import type { AvroNode } from './definition.ts';
import type { AvroRecord, AvroValue } from './record.ts';
import type { RecordShape, Shape } from './shape.ts';

const schemas = loadSchemas({ roots: [fileURLToPath(new URL('../../../../schemas', import.meta.url))] });

const integer = fc.bigInt({ min: -(10n ** 38n) + 1n, max: 10n ** 38n - 1n });
const short = fc.oneof(integer, fc.bigInt({ min: -(10n ** 12n), max: 10n ** 12n }));
const decimal = short.map((value) => scaled(value, 9));

/** Any value of a shape: the fuzz of the reference list (long digits, odd texts, empty lists) falls out of it. */
function anyOf(shape: Shape): fc.Arbitrary<AvroValue> {
  switch (shape.kind) {
    case 'record':
      return recordOf(shape);
    case 'enum':
      return fc.constantFrom(...shape.symbols);
    case 'list':
      return fc.array(anyOf(shape.items), { maxLength: 3 });
    case 'map':
      return fc
        .array(fc.tuple(fc.string({ unit: 'grapheme' }), anyOf(shape.values)), { maxLength: 3 })
        .map((entries) => {
          const map = Object.create(null) as Record<string, AvroValue>;
          for (const [key, value] of entries) map[key] = value;
          return map;
        });
    case 'decimal':
      return decimal;
    case 'string':
      return fc.oneof(fc.string({ unit: 'grapheme' }), fc.string({ minLength: 40, maxLength: 80 }));
    case 'long':
      return fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
    case 'int':
      return fc.integer();
    case 'boolean':
      return fc.boolean();
    case 'double':
      return fc.double({ noNaN: true });
    case 'bytes':
      return fc.uint8Array().map((bytes) => Buffer.from(bytes));
    case 'instant':
      return fc.date({ noInvalidDate: true });
    case 'date':
      return fc.integer({ min: -719_528, max: 2_932_896 }).map(dateOfDays);
  }
}

function recordOf(shape: RecordShape): fc.Arbitrary<AvroValue> {
  const fields = shape.fields.map((field): [string, fc.Arbitrary<AvroValue>] => {
    const any = anyOf(field.shape);
    return [field.name, field.optional ? fc.option(any) : any];
  });
  return fc.record(Object.fromEntries(fields), { noNullPrototype: true });
}

/** Values as a sender may send them: ids that are not empty, codes that exist, no NUL, years of four digits. */
function tidy(shape: Shape): fc.Arbitrary<AvroValue> {
  if (shape.kind === 'list') return fc.array(tidy(shape.items), { maxLength: 3 }).map((items) => [...new Set(items)]);
  if (shape.kind === 'instant')
    return fc.date({ noInvalidDate: true, min: new Date('0001-01-01'), max: new Date('9999-01-01') });
  if (shape.kind === 'string') return fc.string({ unit: 'grapheme' }).filter((text) => !text.includes('\0'));
  if (shape.kind === 'map')
    return fc
      .dictionary(fc.stringMatching(/^[a-z "]{1,5}$/), tidy(shape.values), { maxKeys: 3 })
      .map((made) => Object.assign(Object.create(null), made) as AvroValue);
  if (shape.kind !== 'record') return anyOf(shape);
  const fields = shape.fields.map((field): [string, fc.Arbitrary<AvroValue>] => {
    const formats = { id: fc.uuid(), iso4217: fc.constantFrom('EUR', 'JPY'), iso3166: fc.constantFrom('DE', 'CN') };
    const any = field.entity ? fc.uuid() : field.format ? formats[field.format] : tidy(field.shape);
    return [field.name, field.optional ? fc.option(any) : any];
  });
  return fc.record(Object.fromEntries(fields), { noNullPrototype: true });
}

/** avsc's reading of the same bytes: longs as bigint, decimals as bytes, days and instants as numbers. */
const longType = avsc.types.LongType.__with({
  fromBuffer: (bytes: Buffer) => bytes.readBigInt64LE(),
  toBuffer: (value: bigint) => {
    const bytes = Buffer.alloc(8);
    bytes.writeBigInt64LE(value);
    return bytes;
  },
  fromJSON: BigInt,
  toJSON: Number,
  isValid: (value: unknown) => typeof value === 'bigint',
  compare: (a: bigint, b: bigint) => Number(a - b),
});

function oracle(definition: AvroNode): avsc.Type {
  const plain = JSON.parse(JSON.stringify(definition), (_key, value: unknown) =>
    (value as AvroNode | null)?.logicalType === 'timestamp-millis' ? 'long' : value,
  ) as avsc.Schema;
  return avsc.Type.forSchema(plain, {
    wrapUnions: 'never',
    registry: { long: longType },
    logicalTypes: {},
  });
}

function asAvsc(shape: Shape, value: AvroValue): unknown {
  if (value === null) return null;
  switch (shape.kind) {
    case 'record': {
      const record = value as Record<string, AvroValue>;
      return Object.fromEntries(shape.fields.map((field) => [field.name, asAvsc(field.shape, record[field.name]!)]));
    }
    case 'list':
      return (value as AvroValue[]).map((item) => asAvsc(shape.items, item));
    case 'map':
      return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, asAvsc(shape.values, item)]));
    case 'decimal':
      return bytesOf(BigInt((value as Decimal).times('1e9').toFixed(0)));
    case 'instant':
      return BigInt((value as Date).getTime());
    case 'date':
      return daysOfDate(value as string);
    default:
      return value;
  }
}

/** The textbook way, byte by byte from the right. */
function bytesOf(value: bigint): Buffer {
  const bytes: number[] = [];
  for (let rest = value; ; rest >>= 8n) {
    bytes.unshift(Number(rest & 255n));
    const sign = bytes[0]! & 128 ? -1n : 0n;
    if (rest >> 8n === sign) return Buffer.from(bytes);
  }
}

describe('the Avro codec', () => {
  const names = schemas.names().filter((name) => schemas.avro(name));

  it.each(names)('writes %s byte for byte as avsc does, and reads it back', (name) => {
    const schema = schemas.avro(name)!;
    const type = oracle(schema.definition);
    fc.assert(
      fc.property(anyOf(schema.shape), (value) => {
        const body = schema.encode(value as object);
        expect(body.equals(type.toBuffer(asAvsc(schema.shape, value)))).toBe(true);
        expect(schema.decode(body)).toEqual(value);
      }),
      { numRuns: 60 },
    );
  });

  it.each(names)('writes %s as JSON that reads back as the same record', (name) => {
    const schema = schemas.avro(name)!;
    const options = { zone: 'Asia/Kolkata', idPrefix: '' };
    fc.assert(
      fc.property(tidy(schema.shape), (value) => {
        const text = writeExactJson(schema.toJson(value as AvroRecord));
        expect(schema.fromJson(parseExactJson(text), options)).toEqual({ ok: true, record: value, unknown: [] });
      }),
      { numRuns: 60 },
    );
  });

  it('never crashes on arbitrary bytes and never reads past their end', () => {
    const order = schemas.canonical('order')!;
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        try {
          order.decode(Buffer.from(bytes));
        } catch (error) {
          expect((error as { code?: string }).code).toBe('CROSSDOCK_SCHEMA_DECODE');
        }
      }),
      { numRuns: 2000 },
    );
  });

  it('takes a default for what is undefined', () => {
    const result = schemas.avro('canonical/address')!;
    expect(result.decode(result.encode({ country: 'DE' }))).toMatchObject({ country: 'DE', line1: null });
  });

  it('refuses a lone surrogate instead of writing a replacement character', () => {
    expect(() => schemas.avro('canonical/address')!.encode({ country: '\ud800' })).toThrow('country is not a text');
  });

  it('reads a record type that contains itself', () => {
    const tree = new AvroSchema('tree', {
      type: 'record',
      name: 'Tree',
      fields: [
        { name: 'label', type: 'string' },
        { name: 'children', type: { type: 'array', items: 'Tree' }, default: [] },
      ],
    });
    const value = { label: 'a', children: [{ label: 'b', children: [] }] };
    expect(tree.decode(tree.encode(value))).toEqual(value);
  });
});

describe('exact decimals', () => {
  it('turns every decimal(38,9) into its unscaled integer and back', () => {
    fc.assert(
      fc.property(short, (value) => {
        const back = unscaled(scaled(value, 9), 9)!;
        expect(BigInt(back)).toBe(value);
      }),
      { numRuns: 2000 },
    );
  });

  it('sees a tenth fraction digit, in small numbers and large', () => {
    for (const text of ['0.0000000001', '1.0000000001', '99999999999999999999.0000000001', '1e-30'])
      expect(unscaled(new Decimal(text), 9)).toBeUndefined();
  });

  it.each([
    ['1.10', '1.1'],
    ['-0', '0'],
    ['-0.000', '0'],
    ['1E+3', '1000'],
    ['1e-9', '0.000000001'],
    ['0e999999999', '0'],
    ['1.10000000000000', '1.1'],
    ['99999999999999999999999999999.999999999', '99999999999999999999999999999.999999999'],
    ['000123', '123'],
  ])('reads %s as %s', (text, expected) => {
    expect(decimalFromText(text, 38, 9).toString()).toBe(expected);
  });

  it.each([
    ['1e400', 'too many digits'],
    ['100000000000000000000000000000', 'too many digits'],
    ['1e-10', 'too many fraction digits'],
    ['1e-999999999', 'too many fraction digits'],
    ['', 'not a decimal'],
    ['1,5', 'not a decimal'],
    ['0x10', 'not a decimal'],
    ['Infinity', 'not a decimal'],
    [' 1', 'not a decimal'],
  ])('refuses %j: %s', (text, problem) => {
    expect(decimalFromText(text, 38, 9)).toBe(problem);
  });
});

describe('a number of a megabyte', () => {
  const order = schemas.canonical('order')!;
  const read = (member: string): unknown =>
    order.fromJson(
      parseExactJson(
        `{"id":"1","customerId":"1","stage":"WON","currency":"EUR","total":{"amount":1,"currency":"EUR"},${member}}`,
      ),
      { zone: 'UTC', idPrefix: '' },
    );
  const amount = (text: string): string => `"tax":{"amount":${text},"currency":"EUR"}`;
  const zeros = (size: number): string => '0'.repeat(size);
  const ms = (member: string): number => {
    const before = process.cpuUsage(); // of the processor: what else the machine does is not ours
    read(member);
    const { user, system } = process.cpuUsage(before);
    return (user + system) / 1_000;
  };
  const took = (member: string): number => Math.min(ms(member), ms(member), ms(member));

  it.each<[string, (size: number) => string]>([
    ['zeros between two digits', (size) => amount(`1${zeros(size)}1`)],
    ['zeros after a digit', (size) => amount(`1${zeros(size)}`)],
    ['zeros after the point', (size) => amount(`1.${zeros(size)}`)],
    ['zeros after the point and a digit', (size) => amount(`1.${zeros(size)}1`)],
    ['nines', (size) => amount('9'.repeat(size))],
    ['an exponent of zeros', (size) => amount(`1e${zeros(size)}1`)],
    ['an exponent of nines', (size) => amount(`1e${'9'.repeat(size)}`)],
    ['zeros between two digits, as a text', (size) => amount(`"1${zeros(size)}1"`)],
    ['zeros and a letter, as a text', (size) => amount(`"0.${zeros(size)}x"`)],
    ['zeros between two digits, as a version', (size) => `"version":1${zeros(size)}1`],
  ])('of %s is taken or refused in time in proportion to its length', (_, member) => {
    for (const size of [10_000, 100_000]) {
      const small = took(member(size));
      expect(ms(member(10 * size)) / Math.max(small, 2)).toBeLessThan(40); // quadratic would be 100
    }
  });

  it('is judged by its value all the same', () => {
    const refused = { ok: false, code: 'CROSSDOCK_CAPTURE_DECIMAL' };
    expect(read(amount(`1${zeros(100_000)}1`))).toMatchObject(refused);
    expect(read(amount(`"1.${zeros(100_000)}1"`))).toMatchObject(refused);
    expect(read(amount(`1.${zeros(100_000)}`))).toMatchObject({
      ok: true,
      record: { tax: { amount: new Decimal(1) } },
    });
  });
});
