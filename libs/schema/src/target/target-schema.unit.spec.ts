import { fileURLToPath } from 'node:url';
import { describe, expect, it } from '@jest/globals';
import { loadSchemas } from '../load-schemas.ts';
import { parseExactJson } from '../json/parse.ts';
import { TargetSchema } from './target-schema.ts';

const schemas = loadSchemas({ roots: [fileURLToPath(new URL('../../../../schemas', import.meta.url))] });
const order = schemas.target('erp/sales-order')!;
const entry = schemas.target('finance/journal-entry')!;

const line = '{"item":"A","quantity":"2","price":"9.99","amount":"19.98"}';
const orderText = (changes = ''): string =>
  `{"externalId":"t:order:1","customer":"77","orderDate":"2026-03-01","status":"open","currency":"EUR","lines":[${line}],"total":"19.98"${changes}}`;
const entryText = (debit: string, more = ''): string =>
  `{"externalId":"t:order:1","date":"2026-03-01","currency":"EUR","lines":[{"account":"1400","debit":${debit}},{"account":"8400","credit":${debit}}]${more}}`;
const check = (schema: TargetSchema, text: string) => schema.validate(parseExactJson(text));

describe('validating a document', () => {
  it('finds nothing in a good one', () => {
    expect(check(order, orderText())).toEqual([]);
    expect(check(order, orderText(',"note":null,"shipTo":{"street":"A","zip":null},"tax":"3.80"'))).toEqual([]);
    expect(check(entry, entryText('0.07'))).toEqual([]);
  });

  it('judges numbers by their digits, not by their doubles', () => {
    expect(check(entry, entryText('1234567890123.07'))).toEqual([]);
    expect(check(entry, entryText('9999999999999.99'))).toEqual([]);
    expect(check(entry, entryText('0.070000000000000000001'))).toContainEqual({
      path: '/lines/0/debit',
      message: 'must be a multiple of 0.01',
    });
    expect(check(entry, entryText('9999999999999.9900000001'))[0]?.message).toBe('must be a multiple of 0.01');
    expect(check(entry, entryText('10000000000000.00'))).toContainEqual({
      path: '/lines/0/debit',
      message: 'must be <= 9999999999999.99',
    });
    expect(check(entry, entryText('1e400')).length).toBeGreaterThan(0);
  });

  it('names every place and no value', () => {
    const findings = check(
      order,
      '{"externalId":"","status":"SECRET","currency":"EUR","orderDate":"2026-02-30","customer":5,"lines":[{"item":"A","quantity":"1,5","price":"1","amount":"1"}],"SECRET":1}',
    );
    expect(findings).toEqual(
      expect.arrayContaining([
        { path: '/total', message: 'is required' },
        { path: '/status', message: 'must be one of draft, open, closed, cancelled' },
        { path: '/orderDate', message: 'must be a date' },
        { path: '/customer', message: 'must be string' },
        { path: '', message: 'has a field that the schema does not know' },
        { path: '/lines/0/quantity', message: 'must be a decimal like 1234.56' },
      ]),
    );
    expect(JSON.stringify(findings)).not.toContain('SECRET');
  });

  it('says which part of a nested object is wrong when null was allowed too', () => {
    expect(check(order, orderText(',"shipTo":{"street":5}'))).toEqual(
      expect.arrayContaining([{ path: '/shipTo/street', message: 'must be string or null' }]),
    );
  });

  it('holds a note to its length', () => {
    expect(check(order, orderText(`,"note":"${'x'.repeat(1000)}"`))).toEqual([
      { path: '/note', message: 'must NOT have more than 999 characters' },
    ]);
  });

  it('finds the faults of a long list in time in proportion to it', () => {
    const amount = { anyOf: [{ type: 'string' }, { type: 'null' }] };
    const schema = new TargetSchema('x', { properties: { a: { type: 'array', items: amount } } });
    const ms = (count: number): number => {
      const document = parseExactJson(`{"a":[${'1,'.repeat(count - 1)}1]}`);
      const before = process.cpuUsage(); // of the processor: what else the machine does is not ours
      expect(schema.validate(document)).toHaveLength(2 * count);
      const { user, system } = process.cpuUsage(before);
      return (user + system) / 1_000;
    };
    const took = (count: number): number => Math.min(ms(count), ms(count), ms(count));
    const small = took(2_000);
    expect(took(20_000) / Math.max(small, 2)).toBeLessThan(40); // quadratic would be 100
  });

  it('refuses a broken schema when it is made', () => {
    expect(() => new TargetSchema('x', { type: 'nonsense' })).toThrow('type');
    expect(() => new TargetSchema('x', { $schema: 'http://json-schema.org/draft-07/schema#' })).toThrow('2020-12');
    expect(() => new TargetSchema('x', { properties: { a: { $ref: '#/$defs/b' } } })).toThrow('#/$defs/b');
  });

  it('does not mind formats it has never heard of', () => {
    const schema = new TargetSchema('x', { properties: { a: { type: 'string', format: 'vat-number' } } });
    expect(check(schema, '{"a":"DE1"}')).toEqual([]);
  });

  it('takes whole numbers of any length for what they are', () => {
    const schema = new TargetSchema('x', { properties: { a: { type: 'integer', maximum: 9007199254740992 } } });
    expect(check(schema, '{"a":9007199254740992}')).toEqual([]);
    expect(check(schema, '{"a":9007199254740993}')).toEqual([{ path: '/a', message: 'must be <= 9007199254740992' }]);
    expect(check(schema, '{"a":1.5}')).toEqual([{ path: '/a', message: 'must be integer' }]);
  });
});
