import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import kafkajs, { type Admin, type Kafka } from 'kafkajs';
import { declareTopics } from '#contracts';
import { Database, migrate, startEmbeddedPostgres, type EmbeddedPostgres } from '#db';
import { openEventLog, startKafkaBroker } from '#event-log';
import { appendRows, drawVersion } from '#outbox';
import { packageRoot } from '#platform';
import { PeerProcess } from './peer-process.ts';
import { freePort } from './port.ts';
import { quantile, say } from './report.ts';

const KEYS = 1_000;
/** 1 KiB */
const PAYLOAD = 1_024;
/** single rows a second, the seconds that count and those before */
const LAG_RATE = 50;
const LAG_S = 8;
const WARM_S = 2;

export interface Drained {
  perSecond: number;
  /** of the process that relays, per row */
  cpuMicros: number;
  peakMiB: number;
}

export interface RelayBench {
  url: string;
  brokers: string[];
  database: Database;
  /** where our relay puts the rows that `append` writes */
  topic: string;
  /** a topic of 12 partitions */
  createTopic(name: string): Promise<void>;
  /** appends to the outbox in transactions of 1,000; then what autovacuum and the checkpointer have done by the time a relay comes back to a backlog */
  append(rows: number): Promise<void>;
  /** our relay as a process */
  ours(): Promise<PeerProcess>;
  /** records in the topic */
  count(topic: string): Promise<number>;
  /** rate at which `rows` records come into the topic beyond `base`, from the first seen on; of a slow peer only for `windowMs` */
  drained(relay: PeerProcess, from: { topic: string; base: number; rows: number; windowMs?: number }): Promise<Drained>;
  /** rate of our relay over `rows` that wait for it; it stands still before and afterwards, so that it stays warm and leaves the machine to the peer */
  drainOurs(relay: PeerProcess, rows: number): Promise<Drained>;
  /** from commit to a consumer of the topic, ms, for rows appended one by one */
  lags(topic: string, insert: (mark: string) => Promise<void>): Promise<number[]>;
  close(): Promise<void>;
}

/** PostgreSQL 18 that can decode its log, and a real Kafka. */
export async function openRelayBench(): Promise<RelayBench> {
  const dir = mkdtempSync(join(tmpdir(), 'crossdock-bench-'));
  chmodSync(dir, 0o755);
  const server = await decodingPostgres(dir);
  await migrate(server.url);
  const database = await Database.open({ url: server.url, name: 'bench', max: 6 });
  const broker = await startKafkaBroker({
    dir: join(dir, 'kafka'),
    heap: '1g',
    cache: join(packageRoot(), '.crossdock', 'kafka-jars'),
  });
  const log = await openEventLog({ kafka: { brokers: broker.brokers } });
  const kafka = new kafkajs.Kafka({ brokers: broker.brokers, logLevel: kafkajs.logLevel.NOTHING });
  const admin = kafka.admin();
  await admin.connect();
  const [declared] = declareTopics([]);
  const createTopic = (name: string): Promise<void> => log.ensureTopics([{ ...declared!, name }]);
  const topic = 'crm.bench.v1';
  await createTopic(topic);
  const home = join(dir, 'home');
  mkdirSync(home);
  writeFileSync(join(home, 'crossdock.yaml'), 'version: 1\ntenant: t\nconnections: {}\nflows: {}\n');

  return {
    url: server.url,
    brokers: broker.brokers,
    database,
    topic,
    createTopic,
    append: async (rows) => {
      for (let left = rows; left > 0; left -= 1_000)
        await database.query(APPEND, [topic, KEYS, PAYLOAD, Math.min(1_000, left)]);
      // an insert-only table is vacuumed as it grows; without, whoever reads a row first sets its hint bits and dirties its page
      await database.query('vacuum outbox');
      await database.query('checkpoint');
    },
    ours: async () =>
      new PeerProcess({
        name: 'Crossdock',
        program: process.execPath,
        args: [join(packageRoot(), 'dist/apps/cli/src/main.js'), 'run', 'relay'],
        env: {
          DATABASE_URL: server.url,
          KAFKA_BROKERS: broker.brokers.join(','),
          CROSSDOCK_HOME: home,
          CROSSDOCK_DATA: join(dir, 'data'),
          CROSSDOCK_METRICS_PORT: String(await freePort()),
          CROSSDOCK_PORT: String(await freePort()),
        },
      }),
    count: (name) => recordsIn(admin, name),
    drained: (relay, from) => drained(admin, relay, from),
    drainOurs: async (relay, rows) => {
      const base = await recordsIn(admin, topic);
      relay.pause(false);
      try {
        return await drained(admin, relay, { topic, base, rows });
      } finally {
        relay.pause(true);
      }
    },
    lags: (name, insert) => lags(kafka, name, insert),
    close: async () => {
      await admin.disconnect();
      await log.close();
      await database.close();
      await broker.stop();
      await server.stop();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

/** `wal_level` takes a restart. With it every relay here runs on the same server; ours does not need it. */
async function decodingPostgres(dir: string): Promise<EmbeddedPostgres> {
  const plain = await startEmbeddedPostgres({ dataDir: dir });
  const database = await Database.open({ url: plain.url, name: 'bench', max: 1 });
  await database.query('alter system set wal_level = logical');
  await database.query("alter system set max_wal_size = '8GB'");
  await database.close();
  await plain.stop();
  return startEmbeddedPostgres({ dataDir: dir });
}

/** One transaction of rows as our outbox library writes them, with the headers every event has. */
const APPEND = `
  insert into outbox (event_id, aggregatetype, aggregateid, type, topic, key, headers, payload)
  select id, 'order', (n % $2)::text, 'crm.order.updated', $1, 't:order:' || n % $2,
    jsonb_build_object('ce_specversion', '1.0', 'ce_id', id, 'ce_type', 'crm.order.updated', 'ce_source', '/crm',
      'ce_aggregateversion', n::text, 'content-type', 'application/avro'),
    decode(repeat('5a', $3), 'hex')
  from (select gen_random_uuid() as id, n from generate_series(1, $4::integer) as n) as made`;

/** A partition that was created a moment ago may not have found its leader. */
async function recordsIn(admin: Admin, topic: string): Promise<number> {
  for (let left = 100; ; left--) {
    try {
      return (await admin.fetchTopicOffsets(topic)).reduce((sum, { high }) => sum + Number(high), 0);
    } catch (error) {
      if (left === 0) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

async function drained(
  admin: Admin,
  relay: PeerProcess,
  { topic, base, rows, windowMs = 80_000 }: { topic: string; base: number; rows: number; windowMs?: number },
): Promise<Drained> {
  let first: { at: number; count: number; cpu: number } | undefined;
  const last = await relay.until(
    `${rows} records are in ${topic}`,
    async () => {
      const count = (await recordsIn(admin, topic)) - base;
      const at = performance.now();
      const now = { at, count, cpu: relay.cpuSeconds() };
      if (count > 0) first ??= now;
      return count >= rows || (first !== undefined && at - first.at > windowMs) ? now : undefined;
    },
    10,
  );
  const moved = last.count - first!.count;
  const result = {
    perSecond: moved / ((last.at - first!.at) / 1000),
    cpuMicros: ((last.cpu - first!.cpu) / moved) * 1e6,
    peakMiB: relay.peakMiB(),
  };
  say(
    `${relay.name}: ${Math.round(result.perSecond)} rows/s (${last.count} of ${rows}), ${result.cpuMicros.toFixed(0)} us CPU per row, ${result.peakMiB.toFixed(0)} MiB`,
  );
  return result;
}

/** Fifty a second for eight seconds, after two that nobody counts; each counts from when its commit was answered. */
async function lags(kafka: Kafka, topic: string, insert: (mark: string) => Promise<void>): Promise<number[]> {
  const consumer = kafka.consumer({ groupId: `probe-${Math.random()}`, maxWaitTimeInMs: 200 });
  const arrived = new Map<string, number>();
  const joined = new Promise<void>((resolve) => consumer.on(consumer.events.GROUP_JOIN, () => resolve()));
  await consumer.connect();
  await consumer.subscribe({ topic });
  await consumer.run({
    autoCommit: false,
    eachBatch: async ({ batch }) => {
      for (const { key } of batch.messages) arrived.set(String(key), performance.now());
    },
  });
  await joined;
  const committed = new Map<string, number>();
  const began = performance.now();
  const inserting: Promise<void>[] = [];
  for (let n = 0; n < (WARM_S + LAG_S) * LAG_RATE; n++) {
    const early = began + (n * 1000) / LAG_RATE - performance.now();
    if (early > 0) await new Promise((resolve) => setTimeout(resolve, early));
    const mark = `${topic} ${began} ${n}`;
    inserting.push(
      insert(mark).then(() => {
        if (n >= WARM_S * LAG_RATE) committed.set(mark, performance.now());
      }),
    );
  }
  await Promise.all(inserting);
  for (let waited = 0; [...committed.keys()].some((mark) => !arrived.has(mark)); waited += 50) {
    if (waited > 20_000) throw new Error(`not every row came through ${topic}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  await consumer.disconnect();
  const waits = [...committed].map(([mark, at]) => Math.max(0, arrived.get(mark)! - at));
  say(
    `${topic}: commit to consumer p50 ${quantile(waits, 0.5).toFixed(1)} ms, p99 ${quantile(waits, 0.99).toFixed(1)} ms`,
  );
  return waits;
}

/** One row in a transaction of its own, marked by its key. */
export function appendOne(database: Database, topic: string): (mark: string) => Promise<void> {
  return async (mark) => {
    await database.transaction(async (tx) => {
      const event = crypto.randomUUID();
      const { version } = await drawVersion(tx, mark);
      await appendRows(tx, [
        {
          eventId: event,
          aggregateType: 'order',
          aggregateId: mark,
          type: 'crm.order.updated',
          topic,
          key: mark,
          headers: { ce_id: event, ce_aggregateversion: String(version), ce_type: 'crm.order.updated' },
          payload: Buffer.alloc(PAYLOAD, 0x5a),
        },
      ]);
    });
  };
}
