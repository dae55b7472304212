import { join } from 'node:path';
import { beforeEach, expect, it } from '@jest/globals';
import { envelopeToHeaders, type LogBatch, type LogRecord, type StoredRecord } from '#contracts';
import { loadMappings } from '#mapping';
import { Metrics, packageRoot } from '#platform';
import { avroReader, fileRegistry, loadSchemas, parseExactJson } from '#schema';
import type { MapperTable } from './map-event.ts';
import { MapperService } from './mapper.service.ts';

const roots = [join(packageRoot(), 'schemas')];
const schemas = loadSchemas({ roots });
const registry = fileRegistry(schemas);
const schema = schemas.canonical('customer')!;

let table: MapperTable;
let appended: LogRecord[];
let mapper: MapperService;
beforeEach(() => {
  table = { bundle: loadMappings({ roots, schemas }), flows: [], zone: () => 'UTC' };
  appended = [];
  mapper = new MapperService({
    eventLog: { append: async (records) => void appended.push(...records) },
    table: Promise.resolve(table),
    topics: new Map([['crm.customer.v1', { entity: 'customer', read: avroReader(schema, registry) }]]),
    metrics: new Metrics(),
  });
});

const stored = (id: string, more: Partial<StoredRecord> = {}): StoredRecord => {
  const data = { id, name: 'Acme', kind: 'COMPANY', status: 'ACTIVE' };
  const read = schema.fromJson(parseExactJson(JSON.stringify(data)), { zone: 'UTC', idPrefix: '' });
  if (!read.ok) throw new Error(read.message);
  const key = `acme:customer:${id}`;
  const headers = envelopeToHeaders({
    id: '00000000-0000-5000-8000-000000000001',
    source: 'crm',
    type: 'crm.customer.updated',
    subject: id,
    time: '2026-11-24T00:00:00.000Z',
    dataschema: schema.name,
    tenant: 'acme',
    partitionkey: key,
    aggregateversion: 1n,
    correlationid: 'c',
    hopcount: 0,
  });
  const value = schema.encodeFramed(registry.idOfNow(schema.name), read.record);
  const timestamp = new Date('2026-11-24T00:00:01Z');
  return { topic: 'crm.customer.v1', partition: 0, offset: 0n, key, value, headers, timestamp, ...more };
};
const handle = (...records: StoredRecord[]) => {
  const batch: LogBatch = { topic: 'crm.customer.v1', partition: 0, records, signal: new AbortController().signal };
  return mapper.handle(batch);
};

it('makes a dead letter of a record whose time is no date, as others write nanoseconds, and takes the next', async () => {
  const outcomes = await handle(
    stored('a', { timestamp: new Date(1_795_478_400_000_000_000) }),
    stored('b', { timestamp: new Date(1_795_478_400_000_000) }),
    stored('d', { timestamp: new Date('0000-12-31T23:59:59Z') }),
    stored('c'),
  );
  const dead = {
    outcome: 'rejected',
    stage: 'mapper',
    reason: 'the time of its record is no date: Kafka takes milliseconds',
  };
  expect(outcomes).toEqual([dead, dead, dead, { outcome: 'done' }]);
  expect(appended.map(({ key }) => key)).toEqual(['acme:customer:c']);
});

it('makes a dead letter of the one event at which the mapper itself fails, and takes the next', async () => {
  table.zone = (() => {
    let calls = 0;
    return () => {
      if (calls++ === 0) throw new RangeError('secret');
      return 'UTC';
    };
  })();
  table.flows = [customers()];
  const outcomes = await handle(stored('a'), stored('b'));
  expect(outcomes).toEqual([
    { outcome: 'rejected', stage: 'mapper', reason: 'a fault of the mapper (RangeError): its log says where' },
    { outcome: 'done' },
  ]);
  expect(appended.map(({ key }) => key)).toEqual(['acme:customer:b']);
});

it('gets the batch again while the log is away', async () => {
  const away = new Error('connect ECONNREFUSED');
  mapper = new MapperService({
    eventLog: { append: () => Promise.reject(away) },
    table: Promise.resolve(table),
    topics: new Map([['crm.customer.v1', { entity: 'customer', read: avroReader(schema, registry) }]]),
    metrics: new Metrics(),
  });
  await expect(handle(stored('a'))).rejects.toBe(away);
});

const customers = () => ({
  name: 'customers',
  entity: 'customer',
  from: new Set(['crm']),
  of: undefined,
  connection: 'main-erp',
  document: 'customer',
  topic: 'erp.main-erp.customer.v1',
  schemaId: 11,
  value: undefined,
});
