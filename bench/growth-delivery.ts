import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openTarget } from '#connectors';
import type { Connection } from '#contracts';
import { Database, migrate, startEmbeddedPostgres } from '#db';
import { Metrics, packageRoot } from '#platform';
import { fileRegistry, loadSchemas } from '#schema';
import { Engine } from '../apps/delivery/src/engine/engine.ts';
import { Intake } from '../apps/delivery/src/intake.ts';
import { documentOf } from './kit/delivery.ts';
import { startErp, type Erp } from './kit/erp.ts';
import { printReport, say, short, type Report } from './kit/report.ts';

const LATENCY_MS = 50;
const CONCURRENCY = 32;
const KEYS = [1, 4, 16, 64, 1_000, 10_000];
const TARGETS = [1, 2, 4, 8];
/** long enough for the beginning not to count */
const SECONDS = 5;

/**
 * Delivery as the number of keys and of targets grows, at 50 ms of the ERP. A key is one request at a time, so few keys
 * allow keys / latency; many allow concurrency / latency. Each target has slots of its own.
 */
export default async function run(): Promise<Report> {
  const dataDir = mkdtempSync(join(tmpdir(), 'crossdock-bench-'));
  chmodSync(dataDir, 0o755);
  const server = await startEmbeddedPostgres({ dataDir });
  await migrate(server.url);
  const database = await Database.open({ url: server.url, name: 'bench', max: 10 });
  const erp = await startErp(LATENCY_MS);
  const byKeys: [number, number][] = [];
  const idealByKeys: [number, number][] = [];
  const byTargets: [number, number][] = [];
  const idealByTargets: [number, number][] = [];
  try {
    for (const keys of KEYS) {
      const ideal = Math.min(keys, CONCURRENCY) / (LATENCY_MS / 1000);
      idealByKeys.push([keys, ideal]);
      byKeys.push([keys, await deliver(database, erp, [`keys-${keys}`], keys, Math.ceil(ideal * SECONDS))]);
      say(`${keys} keys: ${short(byKeys.at(-1)![1])}/s of ${ideal}`);
    }
    for (const count of TARGETS) {
      const names = Array.from({ length: count }, (_, n) => `of-${count}-${n}`);
      const ideal = CONCURRENCY / 2 / (LATENCY_MS / 1000);
      idealByTargets.push([count, ideal * count]);
      byTargets.push([count, await deliver(database, erp, names, 1_000, ideal * SECONDS, CONCURRENCY / 2)]);
      say(`${count} targets: ${short(byTargets.at(-1)![1])}/s of ${ideal * count}`);
    }
  } finally {
    erp.stop();
    await database.close();
    await server.stop();
    rmSync(dataDir, { recursive: true, force: true });
  }
  const [x, y] = ['keys', 'documents delivered per second'];
  const report: Report = {
    setup: [
      `an ERP that answers after ${LATENCY_MS} ms; one process of delivery; documents of 1 KiB, all waiting at the start`,
      `keys: concurrency ${CONCURRENCY}; targets: 1,000 keys and concurrency ${CONCURRENCY / 2} each`,
    ],
    comparisons: [],
    series: [
      { name: 'delivery by keys', x, y, points: byKeys },
      { name: 'what the ERP allows by keys', x, y, points: idealByKeys },
      { name: 'delivery by targets', x: 'targets', y, points: byTargets },
      { name: 'what the ERPs allow by targets', x: 'targets', y, points: idealByTargets },
    ],
  };
  printReport(report);
  return report;
}

/** Documents delivered per second over all connections. */
async function deliver(
  database: Database,
  erp: Erp,
  names: readonly string[],
  keys: number,
  eventsEach: number,
  concurrency = CONCURRENCY,
): Promise<number> {
  const connections = new Map(names.map((name) => [name, connectionOf(name, erp.url, concurrency)]));
  const schemas = loadSchemas({ roots: [join(packageRoot(), 'schemas')] });
  const targets = new Map([...connections].map(([name, at]) => [name, openTarget(at, { sandbox: () => erp.url })]));
  const metrics = new Metrics();
  const intake = new Intake(database, metrics, () => {});
  for (const name of names)
    for (let from = 0; from < eventsEach; from += 500) {
      const records = Array.from({ length: Math.min(500, eventsEach - from) }, (_, n) => ({
        ...documentOf(name, from + n, keys),
        partition: 0,
        offset: BigInt(from + n),
        timestamp: new Date(),
      }));
      const refused = await intake.take(records);
      if (refused.length > 0) throw new Error(refused[0]!.reason);
    }
  await database.query('vacuum analyze');
  const engine = new Engine({
    database,
    configuration: { connections, flows: new Map() },
    targets,
    schemas,
    registry: fileRegistry(schemas),
    metrics,
  });
  await erp.reset();
  await engine.start();
  const events = eventsEach * names.length;
  let stats = await erp.stats();
  for (; stats.answered < events; stats = await erp.stats()) await new Promise((resolve) => setTimeout(resolve, 50));
  await engine.stop();
  await Promise.all([...targets.values()].map((target) => target.close()));
  return events / ((stats.lastAt - stats.firstAt) / 1000);
}

const connectionOf = (name: string, url: string, concurrency: number): Connection => ({
  name,
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
