import { fork } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openTarget } from '#connectors';
import { documentId, documentToHeaders, eventId, type Connection, type StoredRecord } from '#contracts';
import { Database, migrate, startEmbeddedPostgres } from '#db';
import { Metrics, packageRoot } from '#platform';
import { fileRegistry, frame, loadSchemas } from '#schema';
import { Engine } from '../apps/delivery/src/engine/engine.ts';
import { Intake } from '../apps/delivery/src/intake.ts';

const KEYS = 1_000;
const LATENCY_MS = 50;
/** concurrency of the connection, and how many events to send with it */
const RUNS = [
  { concurrency: 16, events: 3_000 },
  { concurrency: 32, events: 5_000 },
  { concurrency: 64, events: 8_000 },
] as const;

/**
 * A backlog over 1,000 keys, delivered through the real `rest` target to an HTTP server that answers after 50 ms. The
 * reference is what the connection's concurrency allows: concurrency / latency, with the latency measured in the same run.
 * Goal (pipeline.md section 9): at least 0.9 of it. Every event counts (facts of the kind `each`), so none is superseded.
 */
export default async function run(): Promise<void> {
  const dataDir = mkdtempSync(join(tmpdir(), 'crossdock-bench-'));
  chmodSync(dataDir, 0o755);
  const server = await startEmbeddedPostgres({ dataDir });
  const target = await startTarget(dataDir);
  try {
    await migrate(server.url);
    const database = await Database.open({ url: server.url, name: 'bench', max: 10 });
    const answer = await responseTime(`${target.url}/entries`);
    for (const { concurrency, events } of RUNS) await once(database, target.url, answer, concurrency, events);
    await database.close();
  } finally {
    target.stop();
    await server.stop();
    rmSync(dataDir, { recursive: true, force: true });
  }
}

async function once(
  database: Database,
  url: string,
  answerMs: number,
  concurrency: number,
  events: number,
): Promise<void> {
  const connection = connectionOf(url, concurrency);
  const schemas = loadSchemas({ roots: [join(packageRoot(), 'schemas')] });
  const metrics = new Metrics();
  const target = openTarget(connection, { sandbox: () => url });
  const intake = new Intake(database, metrics, () => {});
  const tookIn = performance.now();
  for (let from = 0; from < events; from += 500) {
    const batch = Array.from({ length: Math.min(500, events - from) }, (_, n) => recordOf(connection.name, from + n));
    const refused = await intake.take(batch);
    if (refused.length > 0) throw new Error(refused[0]!.reason);
  }
  const intakeRate = events / ((performance.now() - tookIn) / 1_000);
  await database.query('vacuum analyze');
  const engine = new Engine({
    database,
    configuration: { connections: new Map([[connection.name, connection]]), flows: new Map() },
    targets: new Map([[connection.name, target]]),
    schemas,
    registry: fileRegistry(schemas),
    metrics,
  });
  const cpu = process.cpuUsage();
  const began = performance.now();
  await engine.start();
  for (let left = events; left > 0;) {
    await new Promise((resolve) => setTimeout(resolve, 100));
    const [row] = await database.query<{ n: bigint }>(
      `select count(*) as n from delivery where connection = $1 and status <> 'DELIVERED'`,
      [connection.name],
    );
    left = Number(row!.n);
  }
  const seconds = (performance.now() - began) / 1_000;
  const used = process.cpuUsage(cpu);
  await engine.stop();
  await target.close();
  const rate = events / seconds;
  const ideal = concurrency / (answerMs / 1_000);
  const line = (name: string, value: string): string => `    ${name.padEnd(42)} ${value}\n`;
  process.stdout.write(
    `  concurrency ${concurrency}, ${events} events over ${KEYS} keys\n` +
      line('delivered per second', rate.toFixed(0)) +
      line(`reference: ${concurrency} / ${answerMs.toFixed(1)} ms`, ideal.toFixed(0)) +
      line('ratio (goal 0.9)', (rate / ideal).toFixed(3)) +
      line('CPU of our process per event', `${((used.user + used.system) / events).toFixed(0)} us`) +
      line('taken in per second', intakeRate.toFixed(0)),
  );
}

const connectionOf = (url: string, concurrency: number): Connection => ({
  name: `bench-${concurrency}`,
  connector: 'rest',
  side: 'target',
  zone: 'UTC',
  idPrefix: '',
  settings: {
    baseUrl: url,
    documents: {
      entry: {
        nature: 'fact',
        versions: 'each',
        schema: 'erp/customer',
        create: { method: 'POST', path: '/entries' },
        idempotencyHeader: 'Idempotency-Key',
        keyLifetime: '24h',
        id: '/id',
        repeatIsSafe: 'by-idempotency-key',
      },
    },
  },
  budget: { concurrency },
  timeoutMs: 30_000,
  retry: { ladderMs: [5_000], jitter: 0 },
  breaker: { windowMs: 10_000, minimum: 10, failures: 0.5, slowMs: 10_000, probeMs: 5_000 },
  allowPrivate: true,
});

/** A customer as the ERP takes it, so that the body is validated as usual. */
const BODY = Buffer.from(
  JSON.stringify({ externalId: 'k', name: 'Ada Lovelace Analytical Engines Ltd', active: true }),
);

function recordOf(connection: string, n: number): StoredRecord {
  const id = eventId({ tenant: 't', source: connection, entity: 'e', recordId: 'r', sourceEventId: String(n) });
  const recordId = `k${n % KEYS}`;
  const now = new Date().toISOString();
  return {
    topic: `erp.${connection}.entry.v1`,
    partition: 0,
    offset: BigInt(n),
    timestamp: new Date(),
    key: `t:e:${recordId}`,
    value: frame(1, BODY),
    headers: documentToHeaders({
      kind: 'document',
      flow: connection,
      connection,
      document: 'entry',
      documentId: documentId(id, connection, 'entry'),
      bundle: 'bench',
      fanOut: 1,
      eventId: id,
      eventType: 'crm.e.changed',
      source: 'bench',
      tenant: 't',
      entity: 'e',
      recordId,
      aggregateVersion: BigInt(Math.floor(n / KEYS) + 1),
      correlationId: id,
      hopCount: 0,
      acceptedAt: now,
      open: [],
      createOnly: [],
      eventTopic: 'crm.e.v1',
      eventPartition: 0,
      eventOffset: BigInt(n),
      eventLogTime: now,
    }),
  };
}

/** A server of its own process, so that its work is not counted as ours. */
async function startTarget(folder: string): Promise<{ url: string; stop(): void }> {
  const file = join(folder, 'target.mjs');
  writeFileSync(
    file,
    `import { createServer } from 'node:http';
let id = 0;
const server = createServer({ keepAliveTimeout: 60000 }, (request, response) => {
  request.resume().on('end', () => setTimeout(() => {
    response.writeHead(201, { 'content-type': 'application/json' }).end(JSON.stringify({ id: 'E' + ++id }));
  }, ${LATENCY_MS}));
});
server.listen(0, '127.0.0.1', () => process.send(server.address().port));`,
  );
  const child = fork(file, { stdio: 'inherit' });
  const port = await new Promise<number>((resolve, reject) => {
    child.once('message', (message) => resolve(Number(message)));
    child.once('error', reject);
  });
  return { url: `http://127.0.0.1:${port}`, stop: () => child.kill() };
}

/** Median of what the server takes for one request at a time. */
async function responseTime(url: string): Promise<number> {
  const times: number[] = [];
  for (let n = 0; n < 20; n++) {
    const began = performance.now();
    await (await fetch(url, { method: 'POST', body: '{}' })).arrayBuffer();
    times.push(performance.now() - began);
  }
  return times.toSorted((a, b) => a - b)[10]!;
}
