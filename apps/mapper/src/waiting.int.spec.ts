import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { CRM_ENTITIES, crmTopic, type EventLog, type StoredRecord } from '#contracts';
import { openEventLog } from '#event-log';
import { packageRoot, type RunningApp } from '#platform';
import { fileRegistry, loadSchemas, registryApi } from '#schema';
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
/** Below the range that a system draws outgoing ports from, so that nothing else answers there. */
const PORT = 19_874;
const roots = [join(packageRoot(), 'schemas')];
const schemas = loadSchemas({ roots });
const files = fileRegistry(schemas);

let postgres: ClonedDatabase;
let log: EventLog;
let running: RunningApp;
let registry: Server | undefined;
const found: StoredRecord[] = [];

beforeAll(async () => {
  postgres = await clonedDatabase();
  const variables = { SCHEMA_REGISTRY_URL: `http://127.0.0.1:${PORT}` };
  running = await runningMapper(CONFIGURATION, { url: postgres.url, roots, variables });
  log = await openEventLog({ database: postgres.database });
});
afterAll(async () => {
  await running?.close();
  await log?.close();
  await new Promise((closed) => (registry ? (registry.close(closed), registry.closeAllConnections()) : closed(null)));
  await postgres?.close();
});

/** A registry as others run one, with all that our topics need. */
async function serveRegistry(): Promise<void> {
  const topics = new Map<string, string>(CRM_ENTITIES.map((entity) => [crmTopic(entity), `canonical/${entity}`]));
  const answer = registryApi(schemas, files, topics.set(TOPIC, 'erp/customer'));
  registry = createServer((request, response) => {
    void (async () => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk as Buffer);
      const sent = Buffer.concat(chunks).toString();
      const { status, body } = await answer(request.method!, request.url!, sent === '' ? undefined : JSON.parse(sent));
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    })();
  });
  registry.listen(PORT, '127.0.0.1');
  await once(registry, 'listening');
}

it('starts while its registry is away, and maps what has come meanwhile as soon as it is there', async () => {
  await log.subscribe({ group: 'reader', topics: [TOPIC], handle: async ({ records }) => void found.push(...records) });
  const schema = schemas.canonical('customer')!;
  const id = await files.idOf(schema.name);
  await log.append([await customerUpdated(schema, {}, (record) => schema.encodeFramed(id, record))]);
  expect(found).toEqual([]);
  await serveRegistry();
  await eventually(() => found.length > 0, 'the document of what came meanwhile');
  expect(found).toMatchObject([{ topic: TOPIC, key: 'acme:customer:c1' }]);
});
