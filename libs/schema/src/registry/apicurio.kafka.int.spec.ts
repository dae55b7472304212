import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { SchemaRegistry as KafkaJsRegistry } from '@kafkajs/confluent-schema-registry';
import { Decimal } from '#contracts';
import { startApicurio, type Apicurio } from '#testing';
import { avroReader } from '../avro/avro-reader.ts';
import { frame } from '../frame.ts';
import { loadSchemas } from '../load-schemas.ts';
import type { SchemaSet } from '../schema-set.ts';
import { confluentRegistry } from './confluent-registry.ts';

const OURS = fileURLToPath(new URL('../../../../schemas', import.meta.url));
const schemas = loadSchemas({ roots: [OURS] });
const topics = new Map([
  ['erp.main-erp.sales-order.v1', 'erp/sales-order'],
  ['erp.second-erp.sales-order.v1', 'erp/sales-order'],
]);
const order = {
  id: '1',
  customerId: 'c1',
  stage: 'WON',
  currency: 'EUR',
  total: { amount: new Decimal('19.98'), currency: 'EUR' },
  closedAt: new Date('2026-03-01T10:00:00Z'),
};

describe('the schema registry of Apicurio', () => {
  let dir: string;
  let server: Apicurio;
  const ours = () => confluentRegistry(server.url, schemas, { topics, timeoutMs: 10_000 });
  /** our schemas with one of them changed */
  const changed = (file: string, change: (definition: Definition) => void): SchemaSet => {
    const root = mkdtempSync(join(dir, 'schemas-'));
    const definition = JSON.parse(readFileSync(join(OURS, file), 'utf8')) as Definition;
    change(definition);
    mkdirSync(dirname(join(root, file)), { recursive: true });
    writeFileSync(join(root, file), JSON.stringify(definition));
    return loadSchemas({ roots: [OURS, root] });
  };
  const optional = (name: string) => ({
    name,
    type: ['null', 'string'],
    default: null,
    doc: 'A field of a later version.',
    'x-class': 'business',
  });

  beforeAll(async () => {
    dir = mkdtempSync(join(tmpdir(), 'crossdock-apicurio-'));
    server = await startApicurio({ dir });
  }, 360_000);
  afterAll(async () => {
    await server?.stop();
    rmSync(dir, { recursive: true, force: true });
  });

  it('gives each of our schemas one id, which it keeps, and gives the schema for the id', async () => {
    const first = ours();
    const names = [...schemas.published.keys()];
    const ids = new Map<string, number>();
    for (const name of names) ids.set(name, await first.idOf(name));
    expect(new Set(ids.values()).size).toBe(names.length);
    const second = ours();
    for (const name of names) {
      expect(await second.idOf(name)).toBe(ids.get(name));
      const { kind } = schemas.published.get(name)!;
      expect(await second.byId(ids.get(name)!)).toMatchObject({ name, kind, definition: expect.anything() });
    }
    const subjects = (await (await fetch(`${server.url}/subjects`)).json()) as string[];
    expect(subjects).toEqual(
      expect.arrayContaining([
        'crm.order.v1-value',
        'sync.result.v1-value',
        'erp.main-erp.sales-order.v1-value',
        'erp.second-erp.sales-order.v1-value',
      ]),
    );
  });

  it('lets the kafkajs client decode our events and documents', async () => {
    const [event, document] = [await ours().idOf('canonical/order'), await ours().idOf('erp/sales-order')];
    const client = new KafkaJsRegistry({ host: server.url });
    const value = schemas.canonical('order')!.encodeFramed(event, order);
    expect(await client.decode(value)).toMatchObject({ id: '1', stage: 'WON', closedAt: order.closedAt.getTime() });
    const sent = { externalId: 'k', orderDate: '2026-03-01', status: 'open', currency: 'EUR', lines: [], total: '0' };
    expect(await client.decode(frame(document, Buffer.from(JSON.stringify(sent))))).toEqual(sent);
    await expect(client.decode(frame(document, Buffer.from('{"lines":1}')))).rejects.toThrow();
  });

  it('takes a compatible version, whose values older code reads, and the older ones newer code', async () => {
    const later = changed('canonical/order.avsc', ({ fields }) => void fields!.push(optional('salesChannel')));
    const old = await ours().idOf('canonical/order');
    const laterRegistry = confluentRegistry(server.url, later, { topics });
    const id = await laterRegistry.idOf('canonical/order');
    expect(id).not.toBe(old);
    const written = later.canonical('order')!.encodeFramed(id, { ...order, salesChannel: 'web' });
    const olderReads = avroReader(schemas.canonical('order')!, ours());
    expect(await olderReads(written)).toMatchObject({ ok: true, record: { id: '1', total: order.total } });
    const newerReads = avroReader(later.canonical('order')!, laterRegistry);
    const before = schemas.canonical('order')!.encodeFramed(old, order);
    expect(await newerReads(before)).toMatchObject({ ok: true, record: { id: '1', salesChannel: null } });
  });

  it('gives one id to everybody who registers the same new schema at the same moment', async () => {
    const later = changed('canonical/contact.avsc', ({ fields }) => void fields!.push(optional('nickname')));
    const asking = Array.from({ length: 8 }, () => confluentRegistry(server.url, later).idOf('canonical/contact'));
    expect(new Set(await Promise.all(asking)).size).toBe(1);
    const fresh = changed('canonical/money.avsc', ({ fields }) => void fields!.push(optional('origin')));
    const subject = { topics: new Map([['nobody.has.asked.v1', 'canonical/money']]) };
    const first = Array.from({ length: 8 }, () =>
      confluentRegistry(server.url, fresh, subject).idOf('canonical/money'),
    );
    expect(new Set(await Promise.all(first)).size).toBe(1);
  });

  it.each([
    [
      'canonical/customer.avsc',
      'canonical/customer',
      'crm.customer.v1-value',
      ({ fields }: Definition) => void fields!.push({ ...optional('mustBeThere'), type: 'string', default: undefined }),
    ],
    [
      'targets/erp/sales-order.json',
      'erp/sales-order',
      'erp.main-erp.sales-order.v1-value',
      ({ properties }: Definition) => void (properties!['currency'] = { type: 'integer' }),
    ],
  ])(
    'refuses an incompatible version of %s, which is an error that says so and stays',
    async (file, name, subject, change) => {
      await ours().idOf(name);
      const wrong = confluentRegistry(server.url, changed(file, change), { topics });
      await expect(wrong.idOf(name)).rejects.toMatchObject({
        code: 'CROSSDOCK_SCHEMA_REGISTRY',
        retryable: false,
        message: `registering ${name} as ${subject}: the registry refused it: the schema is not compatible with one that stands under this subject (409)`,
      });
    },
  );

  it('does not know what nobody registered', async () => {
    expect(await ours().byId(999_999)).toBe('unknown');
  });

  it('can be asked again when it was killed, and goes on with the ids it gave', async () => {
    const [registry, asked] = [ours(), ours()];
    const id = await asked.idOf('canonical/product');
    expect(await asked.byId(id)).toMatchObject({ name: 'canonical/product' });
    await server.kill();
    const away = { code: 'CROSSDOCK_SCHEMA_REGISTRY', retryable: true };
    await expect(registry.byId(id)).rejects.toMatchObject(away);
    await expect(registry.idOf('canonical/product')).rejects.toMatchObject(away);
    // what was asked before needs it no more
    expect([await asked.idOf('canonical/product'), await asked.byId(id)]).toMatchObject([id, { kind: 'AVRO' }]);
    await server.start();
    expect(await registry.byId(id)).toMatchObject({ name: 'canonical/product' });
    expect(await registry.idOf('canonical/product')).toBe(id);
  }, 60_000);
});

interface Definition {
  fields?: object[];
  properties?: Record<string, object>;
}
