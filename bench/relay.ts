import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type {
  EventLog,
  LogRecord,
  GroupPosition,
  PartitionLag,
  RunningSubscription,
  TopicDeclaration,
} from '#contracts';
import { Database, migrate, startEmbeddedPostgres } from '#db';
import { openEventLog } from '#event-log';
import { readEnvironment } from '#platform';
import { Relay } from '../apps/relay/src/relay.ts';

const ROWS = 50_000;
/** the peer is slow enough to be measured on fewer */
const PEER_ROWS = 20_000;
const ROUNDS = 3;
const PAYLOAD = 300;
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
 * PostgreSQL costs both the same insert; Kafka where KAFKA_BROKERS says so. Goal (with issue 1): 10 times the peer on Kafka.
 */
export default async function run(): Promise<void> {
  const dataDir = mkdtempSync(join(tmpdir(), 'crossdock-bench-'));
  chmodSync(dataDir, 0o755);
  const server = await startEmbeddedPostgres({ dataDir });
  await migrate(server.url);
  const database = await Database.open({ url: server.url, name: 'bench', max: 6 });
  const { kafka } = readEnvironment();
  const sasl = kafka?.sasl && { ...kafka.sasl, password: kafka.sasl.password.reveal() };
  const logs: [string, EventLog][] = [
    ['nowhere', new Nowhere()],
    ['log in PostgreSQL', await openEventLog({ database })],
  ];
  if (kafka) logs.push(['Kafka', await openEventLog({ kafka: { ...kafka, sasl } })]);
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
      print(name, median(ours), median(peer));
    }
  } finally {
    for (const [, log] of logs) await log.close();
    await database.close();
    await server.stop();
    rmSync(dataDir, { recursive: true, force: true });
  }
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

function median(runs: readonly Drained[]): Drained {
  return runs.toSorted((a, b) => a.perSecond - b.perSecond)[runs.length >> 1]!;
}

function print(name: string, ours: Drained, peer: Drained): void {
  const show = ({ perSecond, cpuMicros }: Drained): string =>
    `${Math.round(perSecond).toLocaleString('en')} rows/s, ${cpuMicros.toFixed(1)} us CPU of Node per row`;
  say(`  ${name}`);
  say(`    relay            ${show(ours)}`);
  say(`    claim and mark   ${show(peer)}`);
  say(`    ratio            ${(ours.perSecond / peer.perSecond).toFixed(1)}`);
}

/** Takes records and forgets them. */
class Nowhere implements EventLog {
  async append(_records: readonly LogRecord[]): Promise<void> {}
  async ensureTopics(): Promise<void> {}
  subscribe(): Promise<RunningSubscription> {
    throw new Error('nothing to read');
  }
  async lag(): Promise<PartitionLag[]> {
    return [];
  }
  async positions(): Promise<GroupPosition[]> {
    return [];
  }
  async ping(): Promise<void> {}
  async close(): Promise<void> {}
}

function say(line: string): void {
  process.stdout.write(line + '\n');
}
