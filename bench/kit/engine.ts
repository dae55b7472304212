import { fork } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { openTarget } from '#connectors';
import { documentId, documentToHeaders, eventId, type Connection, type StoredRecord } from '#contracts';
import { Database, migrate, startEmbeddedPostgres } from '#db';
import { Metrics, packageRoot } from '#platform';
import { fileRegistry, frame, loadSchemas } from '#schema';
import { Engine } from '../../apps/delivery/src/engine/engine.ts';
import { Intake } from '../../apps/delivery/src/intake.ts';
import { median } from './report.ts';

export const LATENCY_MS = 50;

/** A PostgreSQL of our own, a target that answers after 50 ms, and delivery's engine between them in this process. */
export interface World {
  url: string;
  database: Database;
  target: TargetServer;
  metrics: Metrics;
  /** what the target takes for one request at a time, ms: measured */
  answerMs: number;
  /** documents `from` to `to` of a connection, each of the key `n modulo keys` */
  takeIn(connection: string, from: number, to: number, keys: number): Promise<void>;
  start(...connections: Connection[]): Promise<{ stop(): Promise<void> }>;
  /** how many deliveries of a connection are not delivered; costs what a look at each of them costs */
  left(connection: string): Promise<number>;
  close(): Promise<void>;
}

export async function openWorld(): Promise<World> {
  const dataDir = mkdtempSync(join(tmpdir(), 'crossdock-bench-'));
  chmodSync(dataDir, 0o755);
  const server = await startEmbeddedPostgres({ dataDir });
  await migrate(server.url);
  const database = await Database.open({ url: server.url, name: 'bench', max: 10 });
  const target = await startTarget();
  const metrics = new Metrics();
  const schemas = loadSchemas({ roots: [join(packageRoot(), 'schemas')] });
  const intake = new Intake(database, metrics, () => {});
  return {
    url: server.url,
    database,
    target,
    metrics,
    answerMs: await responseTime(target.url),
    takeIn: async (connection, from, to, keys) => {
      for (let at = from; at < to; at += 500) {
        const batch = Array.from({ length: Math.min(500, to - at) }, (_, n) => recordOf(connection, at + n, keys));
        const refused = await intake.take(batch);
        if (refused.length > 0) throw new Error(refused[0]!.reason);
      }
    },
    start: async (...connections) => {
      const targets = new Map(connections.map((at) => [at.name, openTarget(at, { sandbox: () => target.url })]));
      const engine = new Engine({
        database,
        configuration: { connections: new Map(connections.map((at) => [at.name, at])), flows: new Map() },
        targets,
        schemas,
        registry: fileRegistry(schemas),
        metrics,
      });
      await engine.start();
      return {
        stop: async () => {
          await engine.stop(2_000);
          await Promise.all([...targets.values()].map((at) => at.close()));
        },
      };
    },
    left: async (connection) => {
      const [row] = await database.query<{ n: bigint }>(
        `select count(*) as n from delivery where connection = $1 and status in ('PENDING', 'RETRY_WAIT', 'IN_FLIGHT', 'UNKNOWN', 'PARKED', 'DEAD')`,
        [connection],
      );
      return Number(row!.n);
    },
    close: async () => {
      await database.close();
      target.stop();
      await server.stop();
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
}

/** Facts of the kind `each`: every document counts, none is superseded. */
export const connectionOf = (
  name: string,
  url: string,
  concurrency: number,
  changes: Partial<Connection> = {},
): Connection => ({
  name,
  connector: 'rest',
  side: 'target',
  zone: 'UTC',
  idPrefix: '',
  settings: {
    baseUrl: url,
    probe: { method: 'GET', path: '/health' },
    documents: {
      entry: {
        nature: 'fact',
        versions: 'each',
        schema: 'erp/customer',
        create: { method: 'POST', path: '/entries?key={key}' },
        idempotencyHeader: 'Idempotency-Key',
        keyLifetime: '24h',
        id: '/id',
        repeatIsSafe: 'by-idempotency-key',
      },
    },
  },
  budget: { concurrency },
  timeoutMs: 30_000,
  retry: { ladderMs: [5_000, 30_000, 120_000, 600_000], jitter: 0.2 },
  breaker: { windowMs: 10_000, minimum: 10, failures: 0.5, slowMs: 10_000, probeMs: 5_000 },
  allowPrivate: true,
  ...changes,
});

/** A customer as the ERP takes it, so that the body is validated as usual. */
const BODY = Buffer.from(
  JSON.stringify({ externalId: 'k', name: 'Ada Lovelace Analytical Engines Ltd', active: true }),
);

export function recordOf(connection: string, n: number, keys: number): StoredRecord {
  const id = eventId({ tenant: 't', source: connection, entity: 'e', recordId: 'r', sourceEventId: String(n) });
  const recordId = `k${n % keys}`;
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
      aggregateVersion: BigInt(Math.floor(n / keys) + 1),
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

export interface TargetServer {
  url: string;
  answered(): Promise<number>;
  /** never answers requests of this key; of none without one */
  hang(key?: string): Promise<void>;
  /** closes the door, and what is open */
  down(): Promise<void>;
  up(): Promise<void>;
  stop(): void;
}

async function startTarget(): Promise<TargetServer> {
  const child = fork(fileURLToPath(new URL('./target-server.js', import.meta.url)), [String(LATENCY_MS)], {
    stdio: 'inherit',
  });
  const [port] = (await once(child, 'message')) as [number];
  const ask = async (order: object): Promise<number> => {
    child.send(order);
    const [answer] = (await once(child, 'message')) as [number];
    return answer;
  };
  return {
    url: `http://127.0.0.1:${port}`,
    answered: () => ask({ do: 'answered' }),
    hang: async (key) => void (await ask({ do: 'hang', key })),
    down: async () => void (await ask({ do: 'down' })),
    up: async () => void (await ask({ do: 'up' })),
    stop: () => void child.kill(),
  };
}

/** Median of what the target takes for one request at a time. */
async function responseTime(url: string): Promise<number> {
  const times: number[] = [];
  for (let n = 0; n < 20; n++) {
    const began = performance.now();
    await (await fetch(`${url}/entries`, { method: 'POST', body: '{}' })).arrayBuffer();
    times.push(performance.now() - began);
  }
  return median(times);
}

/** Takes documents in at an even rate until told to stop. */
export function feed(
  world: World,
  connection: string,
  perSecond: number,
  keys: number,
): { sent(): number; stop(): Promise<void> } {
  const began = performance.now();
  let sent = 0;
  let stopped = false;
  const feeding = (async () => {
    while (!stopped) {
      const due = Math.floor(((performance.now() - began) / 1_000) * perSecond);
      if (due > sent) {
        await world.takeIn(connection, sent, due, keys);
        sent = due;
      }
      await pause(20);
    }
  })();
  return {
    sent: () => sent,
    stop: () => {
      stopped = true;
      return feeding;
    },
  };
}

export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
