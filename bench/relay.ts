import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { EventLog, TopicDeclaration } from '#contracts';
import { Database, migrate, startEmbeddedPostgres } from '#db';
import { chooseKafka, openEventLog } from '#event-log';
import { packageRoot } from '#platform';
import { Relay } from '../apps/relay/src/relay.ts';
import { Nowhere } from './kit/nowhere.ts';
import { median, printReport, type Comparison, type Report } from './kit/report.ts';

const ROWS = 100_000;
/** the peer is slow enough to be measured on fewer */
const PEER_ROWS = 20_000;
const ROUNDS = 3;
const PAYLOAD = 1_024;
const TOPIC: TopicDeclaration = {
  name: 'bench.relay.v1',
  partitions: 12,
  retentionMs: 3_600_000,
  maxMessageBytes: 1_048_576,
  writer: 'relay',
  key: 'key',
  value: 'bytes',
};

interface Drained {
  perSecond: number;
  cpuMicros: number;
}

/**
 * Draining a backlog through the relay, beside the usual claim-and-mark relay (lease, send, mark, batches of 100) on the
 * same rows, server and log, interleaved. `nowhere` takes records at once and shows the relays alone; the log in
 * PostgreSQL costs both the same insert; Kafka where a broker can be had. Goal: 10 times the peer on Kafka.
 */
export default async function run(): Promise<Report> {
  const dataDir = mkdtempSync(join(tmpdir(), 'crossdock-bench-'));
  chmodSync(dataDir, 0o755);
  const server = await startEmbeddedPostgres({ dataDir });
  await migrate(server.url);
  const database = await Database.open({ url: server.url, name: 'bench', max: 6 });
  const jarsDir = join(packageRoot(), '.crossdock', 'kafka-jars');
  const kafka = await chooseKafka({ dataDir: join(dataDir, 'kafka'), jarsDir }).catch(() => undefined);
  const logs: [string, EventLog][] = [
    ['nowhere', new Nowhere()],
    ['log in PostgreSQL', await openEventLog({ database })],
  ];
  if (kafka) logs.push(['Kafka', await openEventLog({ kafka: { brokers: kafka.brokers } })]);
  const comparisons: Comparison[] = [];
  const figures: Record<string, number> = {};
  try {
    await fill(database);
    for (const [name, log] of logs) {
      await log.ensureTopics([TOPIC]);
      const ours: Drained[] = [];
      const peer: Drained[] = [];
      for (let round = 0; round < ROUNDS; round++) {
        ours.push(await drainOurs(database, log));
        peer.push(await drainPeer(database, log));
      }
      comparisons.push(compared(name, ours, peer));
      figures[`CPU of our Node per row into ${name}, us`] = median(ours.map(({ cpuMicros }) => cpuMicros));
      figures[`CPU of the peer's Node per row into ${name}, us`] = median(peer.map(({ cpuMicros }) => cpuMicros));
    }
  } finally {
    for (const [, log] of logs) await log.close();
    await kafka?.stop();
    await database.close();
    await server.stop();
    rmSync(dataDir, { recursive: true, force: true });
  }
  const report: Report = {
    setup: [
      `${ROWS.toLocaleString('en')} rows of 1 KiB, of which the peer gets ${PEER_ROWS.toLocaleString('en')}; ${ROUNDS} rounds, alternating, medians`,
      'claim and mark: lease the oldest 100, send, mark, as outbox libraries do it; the same rows, log and process as ours',
      kafka ? `Kafka: ${kafka.how}` : 'Kafka: no broker could be had',
    ],
    comparisons,
    figures,
  };
  printReport(report);
  return report;
}

function compared(log: string, ours: readonly Drained[], theirs: readonly Drained[]): Comparison {
  const rates = (runs: readonly Drained[]): number[] => runs.map(({ perSecond }) => perSecond);
  return {
    figure: `rows relayed into ${log}`,
    unit: '1/s',
    ours: rates(ours),
    peer: 'claim and mark',
    theirs: rates(theirs),
    goal: log === 'Kafka' ? { atLeast: 10 } : undefined,
  };
}

async function fill(database: Database): Promise<void> {
  await database.query(
    `insert into outbox (event_id, aggregatetype, aggregateid, type, topic, key, headers, payload)
     select gen_random_uuid(), 'order', (n % 1000)::text, 'crm.order.updated', $1, 't:order:' || n % 1000,
       jsonb_build_object('ce_id', gen_random_uuid(), 'ce_aggregateversion', n::text, 'ce_type', 'crm.order.updated'),
       decode(repeat('5a', $2), 'hex')
     from generate_series(1, $3) as n`,
    [TOPIC.name, PAYLOAD, ROWS],
  );
  await database.query('vacuum analyze outbox');
}

async function drainOurs(database: Database, log: EventLog): Promise<Drained> {
  await database.query("update relay_cursor set high = 0, gaps = '[]'");
  const relay = new Relay({ database, log, surprised: (message, cause) => say(`${message}: ${String(cause)}`) });
  return measured(ROWS, async () => {
    await relay.start();
    while (relay.state.published < ROWS) await new Promise((resolve) => setTimeout(resolve, 2));
    await relay.stop();
  });
}

interface PeerRow {
  id: bigint;
  topic: string;
  key: string;
  headers: Record<string, string>;
  payload: Buffer;
}

/** As outbox libraries do it: take a lease on the oldest unmarked rows, send, mark. */
async function drainPeer(database: Database, log: EventLog): Promise<Drained> {
  await database.query('drop table if exists peer_outbox');
  await database.query(
    `create table peer_outbox as
     select id, topic, key, headers, payload, null::timestamptz as leased_until, null::timestamptz as processed_at
     from outbox order by id limit ${PEER_ROWS}`,
  );
  await database.query('create index on peer_outbox (id) where processed_at is null');
  await database.query('vacuum analyze peer_outbox');
  return measured(PEER_ROWS, async () => {
    for (;;) {
      const rows = await database.query<PeerRow>({
        name: 'peer-claim',
        text: `
          update peer_outbox set leased_until = now() + interval '30 seconds'
          where ctid in (
            select ctid from peer_outbox
            where processed_at is null and (leased_until is null or leased_until < now())
            order by id limit 100 for update skip locked)
          returning id, topic, key, headers, payload`,
      });
      if (rows.length === 0) return;
      rows.sort((a, b) => Number(a.id - b.id));
      await log.append(rows.map(({ topic, key, headers, payload }) => ({ topic, key, headers, value: payload })));
      await database.query(
        { name: 'peer-mark', text: 'update peer_outbox set processed_at = now() where id = any($1)' },
        [rows.map(({ id }) => id)],
      );
    }
  });
}

async function measured(rows: number, work: () => Promise<void>): Promise<Drained> {
  const cpu = process.cpuUsage();
  const began = performance.now();
  await work();
  const seconds = (performance.now() - began) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  return { perSecond: rows / seconds, cpuMicros: (user + system) / rows };
}

function say(line: string): void {
  process.stdout.write(line + '\n');
}
