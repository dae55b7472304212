import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { crmTopic, deadLetterTopic, type EventLog, type StoredRecord } from '#contracts';
import { openEventLog } from '#event-log';
import { Metrics, packageRoot, type RunningApp } from '#platform';
import { checkSchemas, fileRegistry, loadSchemas } from '#schema';
import { clonedDatabase, eventually, type ClonedDatabase } from '#testing';
import { customerUpdated, runningMapper } from '../test/running-mapper.ts';

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

it('leaves what a newer capture wrote to the newer mapper that takes its partition over', async () => {
  const metrics = new Metrics();
  running = await runningMapper(CONFIGURATION, { url: postgres.url, roots: [ours], metrics });
  await log.subscribe({
    group: 'reader',
    topics: [TOPIC, DEAD],
    handle: async ({ records }) => void found.push(...records),
  });
  const schemas = loadSchemas({ roots: [newer] });
  const schema = schemas.canonical('customer')!;
  const id = fileRegistry(schemas).idOfNow(schema.name);
  await log.append([await customerUpdated(schema, { nickname: 'A' }, (record) => schema.encodeFramed(id, record))]);
  const failed = async (): Promise<number> =>
    Number(/problems_total\{group="mapper",kind="handler-failed"\} (\d+)/.exec(await metrics.text())?.[1] ?? 0);
  await eventually(
    async () => found.length > 0 || (await failed()) >= 2,
    () => 'the older mapper to have tried it twice',
  );
  expect(found).toEqual([]);
  await running.close();
  running = await runningMapper(CONFIGURATION, { url: postgres.url, roots: [newer] });
  await eventually(() => found.length > 0, 'the document by the newer mapper');
  expect(found).toMatchObject([{ topic: TOPIC, key: 'acme:customer:c1' }]);
});
