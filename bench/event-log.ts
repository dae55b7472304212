import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import kafkajs from 'kafkajs';
import type { EventLog, LogRecord, TopicDeclaration } from '#contracts';
import { Database, migrate, startEmbeddedPostgres } from '#db';
import { chooseKafka, openEventLog } from '#event-log';
import { packageRoot } from '#platform';
import { printReport, quantile, type Comparison, type Report } from './kit/report.ts';

const RECORDS = 20_000;
const BATCH = 500;
const PARALLEL = 4;
const ROUNDS = 3;
const HOPS = 200;
const TOPIC: TopicDeclaration = {
  name: 'bench.log.v1',
  partitions: 12,
  retentionMs: 3_600_000,
  maxMessageBytes: 1_048_576,
  writer: 'relay',
  key: 'key',
  value: 'bytes',
};

type Append = (records: readonly LogRecord[]) => Promise<void>;

/**
 * Appending 1 KiB records (500 a call, four calls at a time), reading them, and the way of one record from append to
 * handler, on both adapters. Beside each what the same store does without our rules: a bare insert without offsets, and
 * kafkajs's ordinary send(), which loses acknowledged records when a leader dies.
 */
export default async function run(): Promise<Report> {
  const dir = mkdtempSync(join(tmpdir(), 'crossdock-bench-'));
  chmodSync(dir, 0o755);
  try {
    const found = [await onPostgres(dir), await onKafka(dir)];
    const report: Report = {
      setup: [
        `${RECORDS.toLocaleString('en')} records of 1 KiB, ${BATCH} a call, ${PARALLEL} calls at a time; ${ROUNDS} rounds, alternating, medians`,
        ...found.map(({ how }) => how),
      ],
      comparisons: found.flatMap(({ comparison }) => comparison ?? []),
      figures: Object.assign({}, ...found.map(({ figures }) => figures)),
    };
    printReport(report);
    return report;
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

interface Found {
  how: string;
  comparison?: Comparison;
  figures: Record<string, number>;
}

async function onPostgres(dir: string): Promise<Found> {
  const server = await startEmbeddedPostgres({ dataDir: join(dir, 'postgres') });
  await migrate(server.url);
  const database = await Database.open({ url: server.url, name: 'bench' });
  const log = await openEventLog({ database });
  await database.query('create table bare (key text, value bytea, headers jsonb)');
  const bare: Append = async (records) =>
    void (await database.query('insert into bare select * from unnest($1::text[], $2::bytea[], $3::jsonb[])', [
      records.map((record) => record.key),
      records.map((record) => record.value),
      records.map((record) => JSON.stringify(record.headers)),
    ]));
  const found = await measure('PostgreSQL', log, 'a bare insert', bare);
  await log.close();
  await database.close();
  await server.stop();
  return { how: 'PostgreSQL: our own, beside it a bare insert without offsets', ...found };
}

async function onKafka(dir: string): Promise<Found> {
  const jarsDir = join(packageRoot(), '.crossdock', 'kafka-jars');
  const chosen = await chooseKafka({ dataDir: dir, jarsDir }).catch((error: Error) => error.message);
  if (typeof chosen === 'string') return { how: `Kafka: not measured, ${chosen}`, figures: {} };
  const log = await openEventLog({ kafka: { brokers: chosen.brokers } });
  const producer = new kafkajs.Kafka({ brokers: chosen.brokers, logLevel: kafkajs.logLevel.NOTHING }).producer({
    idempotent: true,
    maxInFlightRequests: 1,
    createPartitioner: kafkajs.Partitioners.DefaultPartitioner,
  });
  await producer.connect();
  const ordinary: Append = async (records) => {
    const messages = records.map(({ key, value, headers }) => ({ key, value, headers: { ...headers } }));
    await producer.send({ topic: TOPIC.name, acks: -1, messages });
  };
  const found = await measure('Kafka', log, 'the ordinary send()', ordinary);
  await producer.disconnect();
  await log.close();
  await chosen.stop();
  return { how: `Kafka: ${chosen.how}, beside it kafkajs's ordinary send()`, ...found };
}

async function measure(name: string, log: EventLog, peer: string, append: Append): Promise<Omit<Found, 'how'>> {
  await log.ensureTopics([TOPIC]);
  const ours: number[] = [];
  const theirs: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    ours.push(await appendRate((records) => log.append(records)));
    theirs.push(await appendRate(append));
  }
  const read = await readRate(log);
  const hops = await hopTimes(log);
  return {
    comparison: { figure: `appended to ${name}`, unit: '1/s', ours, peer, theirs },
    figures: {
      [`read from ${name}, 1/s`]: read,
      [`append to handler on ${name}, p50, ms`]: quantile(hops, 0.5),
      [`append to handler on ${name}, p99, ms`]: quantile(hops, 0.99),
    },
  };
}

async function appendRate(append: Append): Promise<number> {
  const value = Buffer.alloc(1024, 7);
  let next = 0;
  const began = performance.now();
  await Promise.all(
    Array.from({ length: PARALLEL }, async () => {
      while (next < RECORDS) {
        const from = next;
        next += BATCH;
        await append(Array.from({ length: BATCH }, (_, at) => record(`k${(from + at) % 1000}`, value)));
      }
    }),
  );
  return RECORDS / ((performance.now() - began) / 1000);
}

async function readRate(log: EventLog): Promise<number> {
  const total = (await log.lag('bench-read', [TOPIC.name])).reduce((sum, at) => sum + Number(at.lag), 0);
  const all = Promise.withResolvers<void>();
  let seen = 0;
  const began = performance.now();
  const running = await log.subscribe({
    group: 'bench-read',
    topics: [TOPIC.name],
    handle: async ({ records }) => {
      seen += records.length;
      if (seen >= total) all.resolve();
    },
  });
  await all.promise;
  const rate = seen / ((performance.now() - began) / 1000);
  await running.stop();
  return rate;
}

/** One record at a time, the next one when the last has been handled. */
async function hopTimes(log: EventLog): Promise<number[]> {
  await log.ensureTopics([{ ...TOPIC, name: 'bench.hop.v1' }]);
  let arrived: () => void = () => {};
  const running = await log.subscribe({
    group: 'bench-hop',
    topics: ['bench.hop.v1'],
    handle: async () => arrived(),
  });
  await running.ready();
  const took: number[] = [];
  for (let n = 0; n < HOPS; n++) {
    const here = new Promise<void>((resolve) => (arrived = resolve));
    const began = performance.now();
    await log.append([{ ...record(`k${n}`, Buffer.from('x')), topic: 'bench.hop.v1' }]);
    await here;
    took.push(performance.now() - began);
  }
  await running.stop();
  return took;
}

const record = (key: string, value: Buffer): LogRecord => ({
  topic: TOPIC.name,
  key,
  value,
  headers: { ce_id: '4d7c1f0e', ce_type: 'crm.order.won' },
});
