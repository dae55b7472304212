import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { crmTopic, deadLetterTopic, envelopeToHeaders, type EventLog, type StoredRecord } from '#contracts';
import { openEventLog } from '#event-log';
import { boot, Health, Metrics, packageRoot, parseConfiguration, readEnvironment, type RunningApp } from '#platform';
import { checkSchemas, fileRegistry, loadSchemas, parseExactJson } from '#schema';
import { clonedDatabase, eventually, type ClonedDatabase } from '#testing';
import { MapperModule } from './mapper.module.ts';

const CONFIGURATION = `
version: 1
tenant: acme
connections:
  crm: { connector: outbox }
  main-erp: { connector: rest, settings: {} }
flows:
  customers: { on: crm.customer, from: [crm], to: main-erp, mapping: customer-to-erp }
`;
const TOPIC = 'erp.main-erp.customer.v1';
const DEAD = deadLetterTopic(crmTopic('customer'));
const ours = join(packageRoot(), 'schemas');
const NEW_FIELD =
  '"fields": [{ "name": "nickname", "type": ["null", "string"], "default": null, "doc": "What it is called.", "x-class": "internal" },';

let postgres: ClonedDatabase;
let log: EventLog;
let running: RunningApp | undefined;
let newer: string;
const found: StoredRecord[] = [];

beforeAll(async () => {
  newer = mkdtempSync(join(tmpdir(), 'crossdock-newer-'));
  cpSync(ours, newer, { recursive: true });
  const file = join(newer, 'canonical/customer.avsc');
  writeFileSync(file, readFileSync(file, 'utf8').replace('"fields": [', NEW_FIELD));
  expect(checkSchemas({ root: newer, update: true }).added).toMatchObject([{ name: 'canonical/customer', version: 2 }]);
  postgres = await clonedDatabase();
  log = await openEventLog({ database: postgres.database });
});
afterAll(async () => {
  await running?.close();
  await log?.close();
  await postgres?.close();
  rmSync(newer, { recursive: true, force: true });
});

async function startMapper(root: string, metrics: Metrics): Promise<void> {
  const environment = readEnvironment({
    DATABASE_URL: postgres.url,
    CROSSDOCK_METRICS_PORT: '0',
    CROSSDOCK_LOG_LEVEL: 'silent',
  });
  const sources = { home: '/', data: '/', variable: () => undefined };
  const configuration = parseConfiguration('crossdock.yaml', CONFIGURATION, sources);
  const runtime = { environment, configuration, schemaRoots: [root], metrics, health: new Health() };
  running = await boot({ module: MapperModule, runtime });
}

it('leaves what a newer capture wrote to the newer mapper that takes its partition over', async () => {
  const metrics = new Metrics();
  await startMapper(ours, metrics);
  await log.subscribe({
    group: 'reader',
    topics: [TOPIC, DEAD],
    handle: async ({ records }) => void found.push(...records),
  });
  const schemas = loadSchemas({ roots: [newer] });
  const schema = schemas.canonical('customer')!;
  const data = { id: 'c1', name: 'Acme', kind: 'COMPANY', status: 'ACTIVE', nickname: 'A' };
  const read = schema.fromJson(parseExactJson(JSON.stringify(data)), { zone: 'UTC', idPrefix: '' });
  if (!read.ok) throw new Error(read.message);
  const headers = envelopeToHeaders({
    id: '00000000-0000-5000-8000-000000000001',
    source: 'crm',
    type: 'crm.customer.updated',
    subject: 'c1',
    time: '2026-11-24T00:00:00.000Z',
    dataschema: schema.name,
    tenant: 'acme',
    partitionkey: 'acme:customer:c1',
    aggregateversion: 1n,
    correlationid: 'c',
    hopcount: 0,
  });
  const value = schema.encodeFramed(fileRegistry(schemas).idOfNow(schema.name), read.record);
  await log.append([{ topic: crmTopic('customer'), key: 'acme:customer:c1', value, headers }]);
  const failed = async (): Promise<number> =>
    Number(/problems_total\{group="mapper",kind="handler-failed"\} (\d+)/.exec(await metrics.text())?.[1] ?? 0);
  await eventually(
    async () => found.length > 0 || (await failed()) >= 2,
    () => 'the older mapper to have tried it twice',
  );
  expect(found).toEqual([]);
  await running!.close();
  await startMapper(newer, new Metrics());
  await eventually(() => found.length > 0, 'the document by the newer mapper');
  expect(found).toMatchObject([{ topic: TOPIC, key: 'acme:customer:c1' }]);
});
