import { fileURLToPath } from 'node:url';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { Decimal } from '#contracts';
import { DATA_CLASSES, fileRegistry, frame, loadSchemas, parseExactJson, recordsReference, unframe } from './index.ts';
import type { FromJson, Shape } from './index.ts';

const schemas = loadSchemas({ roots: [fileURLToPath(new URL('../../../schemas', import.meta.url))] });
const order = schemas.canonical('order')!;
const customer = schemas.canonical('customer')!;
const options = { zone: 'Europe/Berlin', idPrefix: 'acme-' };

const GOOD = {
  id: '1',
  customerId: 'c1',
  stage: 'WON',
  currency: 'EUR',
  closedAt: '2026-03-01T10:00:00Z',
  lines: [{ id: 'l1', lineNo: 1, sku: 'A', quantity: '2', unitPrice: '9.99', amount: '19.98' }],
  total: { amount: '19.98', currency: 'EUR' },
};

/** The good order with some of its JSON text replaced. */
function read(changes: Record<string, string>): FromJson {
  const text = Object.entries({ ...GOOD, ...changes })
    .map(([name, value]) => `${JSON.stringify(name)}:${name in changes ? String(value) : JSON.stringify(value)}`)
    .join(',');
  return order.fromJson(parseExactJson(`{${text}}`), options);
}

function refused(changes: Record<string, string>): { code: string; path: string } {
  const result = read(changes);
  if (result.ok) throw new Error('it was accepted');
  expect(result.message).not.toBe('');
  return { code: result.code, path: result.path };
}

function accepted(changes: Record<string, string>) {
  const result = read(changes);
  if (!result.ok) throw new Error(result.message);
  return result;
}

describe('the canonical records', () => {
  it('are all that the contract names', () => {
    expect(schemas.names()).toEqual(
      expect.arrayContaining(
        ['money', 'address', 'customer', 'contact', 'product', 'order', 'order-line'].map(
          (name) => `canonical/${name}`,
        ),
      ),
    );
    expect(schemas.avro('envelope/sync-result')).toBeDefined();
  });

  it('say of every field what it means and who may see it', () => {
    const seen = new Set<Shape>();
    const silent: string[] = [];
    const walk = (shape: Shape, path: string): void => {
      if (seen.has(shape)) return;
      seen.add(shape);
      if (shape.kind === 'list') walk(shape.items, path);
      if (shape.kind === 'map') walk(shape.values, path);
      if (shape.kind !== 'record') return;
      if (!shape.doc) silent.push(path);
      for (const field of shape.fields) {
        if (!field.doc || !DATA_CLASSES.includes(field.class)) silent.push(`${path}.${field.name}`);
        walk(field.shape, `${path}.${field.name}`);
      }
    };
    for (const name of schemas.names()) {
      const schema = schemas.avro(name);
      if (!schema) continue;
      walk(schema.shape, name);
      const raw = JSON.stringify(schema.definition);
      const fields = raw.split('"x-class"').length - 1;
      const classes = raw.match(/"x-class":"(public|internal|personal|sensitive)"/g)?.length;
      expect(classes).toBe(fields);
    }
    expect(silent).toEqual([]);
  });

  it('are written out for people, each record once', () => {
    const text = recordsReference(schemas);
    expect(text).toContain('| `customerId` | id of a customer | internal | Id of the customer who buys. |');
    expect(text).toContain('| `lines`? | list of OrderLine | sensitive | What is ordered. |');
    const titles = text.split('\n').filter((line) => line.startsWith('## '));
    expect(titles).toContain('## ExchangeRate');
    expect(new Set(titles).size).toBe(titles.length);
  });

  it('become bytes and come back', () => {
    const { record } = accepted({});
    const bytes = frame(7, order.encode(record));
    expect(unframe(bytes).id).toBe(7);
    expect(order.encodeFramed(7, record)).toEqual(bytes);
    expect(order.decode(unframe(bytes).body)).toEqual(record);
    expect(record['lines']).toMatchObject([{ quantity: new Decimal(2), amount: new Decimal('19.98') }]);
  });

  it('are refused with the place that cannot be encoded, and no value', () => {
    const { record } = accepted({});
    expect(() => order.encode({ ...record, stage: 'SECRET' })).toThrow(
      'encoding canonical/order: stage is not one of OPEN, WON, LOST, CANCELLED',
    );
    expect(() => order.encode({ ...record, total: { amount: 5, currency: 'EUR' } })).toThrow(
      'total.amount is not a decimal',
    );
  });

  it('are not read from bytes that are cut or have something behind them', () => {
    const body = order.encode(accepted({}).record);
    for (let length = 0; length < body.length; length++)
      expect(() => order.decode(body.subarray(0, length))).toThrow('decoding canonical/order');
    expect(() => order.decode(Buffer.concat([body, Buffer.from([0])]))).toThrow('bytes are left over');
  });

  it('have an id in the file registry', async () => {
    const registry = fileRegistry(schemas);
    const id = await registry.idOf('canonical/order');
    expect(await registry.byId(id)).toMatchObject({ kind: 'AVRO', name: 'canonical/order' });
    expect(await registry.byId(999_999)).toBe('unknown');
  });
});

describe('the JSON form of a canonical record', () => {
  it('takes decimals by value, as text or number', () => {
    const { record } = accepted({ total: '{"amount":1.10,"currency":"EUR"}' });
    expect(record['total']).toEqual({ amount: new Decimal('1.1'), currency: 'EUR' });
    expect(accepted({ total: '{"amount":-0,"currency":"EUR"}' }).record['total']).toMatchObject({
      amount: new Decimal(0),
    });
  });

  it.each(['0.0000000001', '1e400', '1e999999999', '"1e400"', '1e-10', '123456789012345678901234567890'])(
    'refuses the decimal %s and never rounds',
    (amount) => {
      expect(refused({ total: `{"amount":${amount},"currency":"EUR"}` })).toEqual({
        code: 'CROSSDOCK_CAPTURE_DECIMAL',
        path: 'total.amount',
      });
    },
  );

  it('keeps every digit of versions and ids', () => {
    const { record } = accepted({
      version: '9007199254740993',
      id: '1234567890123456789',
      customerId: '12345678901234567891',
    });
    expect(record['version']).toBe(9007199254740993n);
    expect(record['id']).toBe('acme-1234567890123456789');
    expect(record['customerId']).toBe('acme-12345678901234567891');
    expect(order.decode(order.encode(record))).toEqual(record);
  });

  it('puts the prefix before the ids of records, not of lines or people', () => {
    const { record } = accepted({
      ownerId: '"u1"',
      contactId: '"k1"',
      lines: '[{"id":5,"lineNo":1,"productId":"p","sku":"A","quantity":1,"unitPrice":1,"amount":1}]',
    });
    expect(record).toMatchObject({ id: 'acme-1', contactId: 'acme-k1', ownerId: 'u1' });
    expect(record['lines']).toMatchObject([{ id: '5', productId: 'acme-p' }]);
  });

  it('tells absent from null', () => {
    const { record } = accepted({
      note: 'null',
      billTo: '{"country":"DE","line2":null}',
      custom: '{"a b":null,"c":"1"}',
    });
    expect(record['note']).toBeNull();
    expect(record['shipTo']).toBeNull();
    expect(record['cleared']).toEqual(['billTo.line2', 'note', 'custom["a b"]']);
  });

  it('lets lists and maps be left out', () => {
    const { record } = accepted({ lines: 'null' });
    expect(record).toMatchObject({ lines: [], cleared: [] });
    expect(Object.keys(record['custom'] as object)).toEqual([]);
  });

  it('leaves out what it does not know, and says so', () => {
    expect(accepted({ colour: '"red"' }).unknown).toEqual(['colour']);
  });

  it.each([
    ['stage', '"WIN"', 'CROSSDOCK_CAPTURE_SCHEMA', 'stage'],
    ['currency', '"XXX"', 'CROSSDOCK_CAPTURE_SCHEMA', 'currency'],
    ['currency', '"eur"', 'CROSSDOCK_CAPTURE_SCHEMA', 'currency'],
    ['billTo', '{"country":"ZZ"}', 'CROSSDOCK_CAPTURE_SCHEMA', 'billTo.country'],
    ['billTo', '{}', 'CROSSDOCK_CAPTURE_SCHEMA', 'billTo.country'],
    ['customerId', 'null', 'CROSSDOCK_CAPTURE_SCHEMA', 'customerId'],
    ['customerId', '1.5', 'CROSSDOCK_CAPTURE_SCHEMA', 'customerId'],
    ['version', '1.5', 'CROSSDOCK_CAPTURE_SCHEMA', 'version'],
    ['version', '9223372036854775808', 'CROSSDOCK_CAPTURE_SCHEMA', 'version'],
    ['closedAt', '"2026-02-30T00:00:00Z"', 'CROSSDOCK_CAPTURE_SCHEMA', 'closedAt'],
    ['requestedDeliveryDate', '"tomorrow"', 'CROSSDOCK_CAPTURE_SCHEMA', 'requestedDeliveryDate'],
    ['lines', '[null]', 'CROSSDOCK_CAPTURE_SCHEMA', 'lines[0]'],
    ['note', '"a\\u0000b"', 'CROSSDOCK_CAPTURE_TEXT', 'note'],
    ['note', '"\\ud800"', 'CROSSDOCK_CAPTURE_TEXT', 'note'],
    ['custom', '{"k":"\\udc00"}', 'CROSSDOCK_CAPTURE_TEXT', 'custom.k'],
  ])('refuses %s %s', (field, json, code, path) => {
    expect(refused({ [field]: json })).toEqual({ code, path });
  });

  it('accepts a return: a negative quantity', () => {
    const line = '{"id":"1","lineNo":1,"sku":"A","quantity":-2,"unitPrice":1,"amount":-2}';
    expect(accepted({ lines: `[${line}]` }).record['lines']).toMatchObject([{ quantity: new Decimal(-2) }]);
  });

  it('reads times without a zone in the zone of the connection, once', () => {
    expect(accepted({ closedAt: '"2026-07-01T00:30:00"' }).record['closedAt']).toEqual(
      new Date('2026-06-30T22:30:00Z'),
    );
    expect(accepted({ closedAt: '"2026-01-01"' }).record['closedAt']).toEqual(new Date('2025-12-31T23:00:00Z'));
    expect(accepted({ closedAt: '"2026-07-01T00:30:00.123456+05:30"' }).record['closedAt']).toEqual(
      new Date('2026-06-30T19:00:00.123Z'),
    );
  });

  it('does not let a business date slide', () => {
    expect(accepted({ requestedDeliveryDate: '"2026-03-29"' }).record['requestedDeliveryDate']).toBe('2026-03-29');
    expect(accepted({ requestedDeliveryDate: '"2026-01-05T23:30:00Z"' }).record['requestedDeliveryDate']).toBe(
      '2026-01-06',
    );
  });

  it('never throws and never repeats a value, whatever stands in whichever place', () => {
    const good = JSON.stringify({ ...GOOD, billTo: { country: 'DE' }, custom: { a: 'b' }, exchangeRate: null });
    const leaf = fc.oneof(
      fc.constantFrom(
        '"SECRET"',
        '-0',
        '1e400',
        '0.12345678901',
        'null',
        '[]',
        '{}',
        '[null]',
        '{"SECRET":1}',
        'true',
        '""',
      ),
      fc.constantFrom('"\\u0000"', '"\\ud800"', '9007199254740993', '"2026-02-30"', '"1e999999999"', '"\\u202eSECRET"'),
    );
    const places = [...good.matchAll(/:("[^"]*"|\d+|null|\{[^{}]*\}|\[[^[\]]*\])/g)];
    fc.assert(
      fc.property(fc.constantFrom(...places), leaf, (place, put) => {
        const at = place.index + 1;
        const text = good.slice(0, at) + put + good.slice(at + place[1]!.length);
        const result = order.fromJson(parseExactJson(text), options);
        if (result.ok) expect(order.decode(order.encode(result.record))).toEqual(result.record);
        else {
          expect(result.code).toMatch(/^CROSSDOCK_CAPTURE_(SCHEMA|DECIMAL|TEXT)$/);
          expect(result.message).not.toContain('SECRET');
        }
      }),
      { numRuns: 500 },
    );
  });

  it('refuses a customer without a name', () => {
    const json = parseExactJson('{"id":"1","kind":"COMPANY","status":"ACTIVE"}');
    expect(customer.fromJson(json, options)).toMatchObject({
      ok: false,
      code: 'CROSSDOCK_CAPTURE_SCHEMA',
      path: 'name',
    });
  });
});
