import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { IncomingMessage, Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { SchemaRegistry as KafkaJsRegistry } from '@kafkajs/confluent-schema-registry';
import { Decimal } from '#contracts';
import { avroReader } from '../avro/avro-reader.ts';
import { frame } from '../frame.ts';
import { loadSchemas } from '../load-schemas.ts';
import { confluentRegistry } from './confluent-registry.ts';
import { fileRegistry } from './file-registry.ts';
import { portable } from './portable.ts';
import { registryApi } from './registry-api.ts';
import type { RegistryApi } from './registry-api.ts';

const ours = fileURLToPath(new URL('../../../../schemas', import.meta.url));
const schemas = loadSchemas({ roots: [ours] });
const files = fileRegistry(schemas);
const topics = new Map([
  ['crm.order.v1', 'canonical/order'],
  ['crm.customer.v1', 'canonical/customer'],
  ['erp.main-erp.sales-order.v1', 'erp/sales-order'],
]);
const api = registryApi(schemas, files, topics);

let server: Server;
let url = '';
let asked: string[] = [];
let answer: RegistryApi;

async function bodyOf(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return chunks.length > 0 ? JSON.parse(Buffer.concat(chunks).toString()) : undefined;
}

beforeEach(async () => {
  asked = [];
  answer = api;
  server = createServer((request, response) => {
    void bodyOf(request).then(async (body) => {
      asked.push(`${request.method} ${request.url}`);
      const { status, body: text } = await answer(request.method!, request.url!, body);
      response.writeHead(status, { 'content-type': 'application/vnd.schemaregistry.v1+json' });
      response.end(JSON.stringify(text));
    });
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

afterEach(async () => {
  server.closeAllConnections();
  await new Promise((closed) => server.close(closed));
});

const order = {
  id: '1',
  customerId: 'c1',
  stage: 'WON',
  currency: 'EUR',
  total: { amount: new Decimal('19.98'), currency: 'EUR' },
  closedAt: new Date('2026-03-01T10:00:00Z'),
};

describe('the registry API', () => {
  it('lets the kafkajs client decode our events', async () => {
    const id = await files.idOf('canonical/order');
    const value = schemas.canonical('order')!.encodeFramed(id, order);
    const client = new KafkaJsRegistry({ host: url });
    expect(await client.decode(value)).toMatchObject({ id: '1', stage: 'WON', closedAt: order.closedAt.getTime() });
    expect(await client.getLatestSchemaId('crm.order.v1-value')).toBe(id);
  });

  it('lets the kafkajs client decode and check our documents', async () => {
    const id = await files.idOf('erp/sales-order');
    const client = new KafkaJsRegistry({ host: url });
    // as it stands on a topic: the customer's id is still open
    const document = {
      externalId: 'k',
      orderDate: '2026-03-01',
      status: 'open',
      currency: 'EUR',
      lines: [],
      total: '0',
    };
    expect(await client.decode(frame(id, Buffer.from(JSON.stringify(document))))).toEqual(document);
    await expect(client.decode(frame(id, Buffer.from('{"lines":1}')))).rejects.toThrow();
  });

  it('answers as Confluent documents it', async () => {
    const id = await files.idOf('canonical/order');
    expect(await api('GET', '/subjects')).toEqual({
      status: 200,
      body: ['crm.customer.v1-value', 'crm.order.v1-value', 'erp.main-erp.sales-order.v1-value'],
    });
    expect((await api('GET', '/subjects/crm.order.v1-value/versions')).body).toEqual([1]);
    const latest = (await api('GET', '/subjects/crm.order.v1-value/versions/latest?deleted=true')).body;
    expect(latest).toEqual({ subject: 'crm.order.v1-value', version: 1, id, schema: expect.any(String) });
    const { schema } = latest as { schema: string };
    expect((await api('GET', `/schemas/ids/${id}`)).body).toEqual({ schema });
    expect((await api('GET', `/schemas/ids/${id}/schema`)).body).toEqual(JSON.parse(schema));
    expect((await api('GET', `/schemas/ids/${id}/versions`)).body).toEqual([
      { subject: 'crm.order.v1-value', version: 1 },
    ]);
    expect((await api('GET', '/schemas/types')).body).toEqual(['JSON', 'AVRO']);
    expect((await api('GET', '/config')).body).toEqual({ compatibilityLevel: 'BACKWARD_TRANSITIVE' });
    expect(await api('POST', '/subjects/crm.order.v1-value', { schema })).toMatchObject({
      status: 200,
      body: { id, version: 1 },
    });
    expect((await api('GET', '/subjects/erp.main-erp.sales-order.v1-value/versions/1')).body).toMatchObject({
      schemaType: 'JSON',
    });
  });

  it.each([
    ['GET', '/subjects/nobody-value/versions', undefined, 404, 40401],
    ['GET', '/subjects/crm.order.v1-value/versions/99', undefined, 404, 40402],
    ['GET', '/subjects/crm.order.v1-value/versions/first', undefined, 422, 42202],
    ['GET', '/schemas/ids/999999', undefined, 404, 40403],
    ['GET', '/schemas/ids/abc', undefined, 404, 40403],
    ['POST', '/subjects/crm.order.v1-value', { schema: '"string"' }, 404, 40403],
    ['POST', '/subjects/crm.order.v1-value', { schema: '{' }, 422, 42201],
    ['POST', '/subjects/crm.order.v1-value/versions', { schema: '"string"' }, 422, 42205],
    ['DELETE', '/subjects/crm.order.v1-value', undefined, 405, 405],
    ['GET', '/nothing', undefined, 404, 404],
    ['GET', '/subjects/%E0%A4%A', undefined, 404, 404],
  ])('refuses %s %s %j with %i and %i', async (method, path, body, status, code) => {
    expect(await api(method, path, body)).toMatchObject({
      status,
      body: { error_code: code, message: expect.any(String) },
    });
  });
});

describe('a reader that is older than the writer', () => {
  const write = async (from: string, to: string, records: readonly object[]): Promise<[number, Buffer[]]> => {
    const root = mkdtempSync(join(tmpdir(), 'crossdock-newer-'));
    try {
      cpSync(ours, root, { recursive: true });
      const file = join(root, 'canonical/order.avsc');
      const text = readFileSync(file, 'utf8');
      expect(text).toContain(from);
      writeFileSync(file, text.replace(from, to));
      const newer = loadSchemas({ roots: [root] });
      const registry = fileRegistry(newer);
      answer = registryApi(newer, registry, topics);
      const id = await registry.idOf('canonical/order');
      return [id, records.map((record) => newer.canonical('order')!.encodeFramed(id, record))];
    } finally {
      rmSync(root, { recursive: true });
    }
  };
  const read = (value: Buffer) => avroReader(schemas.canonical('order')!, confluentRegistry(url, schemas))(value);

  it('reads what does not use the symbol that is new, and takes what does for one of a newer version', async () => {
    const [id, [plain, fresh]] = await write('"LOST",', '"LOST", "FROZEN",', [order, { ...order, stage: 'FROZEN' }]);
    expect(await read(plain!)).toMatchObject({ ok: true, record: { id: '1', stage: 'WON' } });
    expect(await read(fresh!)).toEqual({
      ok: false,
      reason: 'in the canonical/order of this version stage: there is no symbol FROZEN',
      newer: id,
    });
  });

  it('takes one whose schema does not fit for one of a newer version', async () => {
    const [id, [value]] = await write('"name": "customerId",', '"name": "buyerId",', [{ ...order, buyerId: 'c1' }]);
    expect(await read(value!)).toEqual({
      ok: false,
      reason: `schema ${id} is none that this version knows, and does not fit its canonical/order at customerId`,
      newer: id,
    });
  });
});

describe('a Confluent registry', () => {
  it('is asked once per id and per name, however many ask', async () => {
    const registry = confluentRegistry(url, schemas, { topics });
    const id = await files.idOf('canonical/order');
    expect(await Promise.all([registry.idOf('canonical/order'), registry.idOf('canonical/order')])).toEqual([id, id]);
    expect(await Promise.all([registry.byId(id), registry.byId(id)])).toMatchObject([
      { kind: 'AVRO', name: 'canonical/order' },
      { kind: 'AVRO', name: 'canonical/order' },
    ]);
    expect(asked).toEqual(['POST /subjects/crm.order.v1-value', `GET /schemas/ids/${id}`]);
  });

  it('registers a schema that the registry lacks', async () => {
    const bodies: unknown[] = [];
    answer = async (_method, path, body) => {
      if (!path.endsWith('/versions')) return { status: 404, body: { error_code: 40401, message: '' } };
      bodies.push(body);
      return { status: 200, body: { id: 77 } };
    };
    const registry = confluentRegistry(url, schemas, { topics });
    expect(await registry.idOf('erp/sales-order')).toBe(77);
    expect(bodies).toEqual([
      { schema: JSON.stringify(portable(schemas.target('erp/sales-order')!.definition)), schemaType: 'JSON' },
    ]);
  });

  it('says unknown only when the registry says so', async () => {
    const registry = confluentRegistry(url, schemas, { unknownMs: 60_000 });
    expect(await registry.byId(999_999)).toBe('unknown');
    expect(await registry.byId(999_999)).toBe('unknown');
    expect(asked).toHaveLength(1);
  });

  it.each([
    ['a 500', { status: 500, body: { error_code: 50001, message: '' } }],
    ['a 404 of a proxy', { status: 404, body: 'not found' }],
    ['a 401', { status: 401, body: { error_code: 40101, message: '' } }],
    ['an answer without a schema', { status: 200, body: {} }],
  ])('can be asked again after %s', async (_what, wrong) => {
    answer = async () => wrong;
    const registry = confluentRegistry(url, schemas);
    await expect(registry.byId(5)).rejects.toMatchObject({ code: 'CROSSDOCK_SCHEMA_REGISTRY', retryable: true });
    answer = api;
    expect(await registry.byId(5)).toMatchObject({ kind: 'AVRO' });
  });

  it('can be asked again when nobody listens or nobody answers', async () => {
    const deaf = confluentRegistry(url, schemas, { timeoutMs: 50 });
    answer = () => new Promise(() => undefined);
    await expect(deaf.byId(5)).rejects.toMatchObject({ retryable: true });
    const nobody = confluentRegistry('http://127.0.0.1:1', schemas);
    await expect(nobody.idOf('canonical/order')).rejects.toMatchObject({ retryable: true });
  });

  it('does not try again what the registry refuses for good', async () => {
    answer = async (_method, path) =>
      path.endsWith('/versions')
        ? { status: 409, body: { error_code: 409, message: 'incompatible' } }
        : { status: 404, body: { error_code: 40401, message: '' } };
    await expect(confluentRegistry(url, schemas).idOf('canonical/order')).rejects.toMatchObject({ retryable: false });
  });

  it('sends the credentials of its address and shows them to nobody', async () => {
    const registry = confluentRegistry(url.replace('//', '//user:s3cret@'), schemas);
    let header: string | undefined;
    server.on('request', (request) => (header = request.headers.authorization));
    await registry.byId(5);
    expect(header).toBe(`Basic ${Buffer.from('user:s3cret').toString('base64')}`);
    answer = async () => ({ status: 500, body: {} });
    await expect(registry.byId(6)).rejects.not.toThrow('s3cret');
  });
});
