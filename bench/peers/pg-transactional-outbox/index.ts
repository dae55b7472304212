import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import type { Database } from '#db';
import { fromNpm } from '../../kit/install.ts';
import { PeerProcess } from '../../kit/peer-process.ts';
import { openRelayBench, type Drained, type RelayBench } from '../../kit/relay.ts';
import { median, printReport, type Report } from '../../kit/report.ts';

const ROUNDS = 3;
const ROWS = 100_000;
/** far more than it relays within the window */
const PEER_ROWS = 15_000;
const WINDOW_MS = 10_000;
const TOPIC = 'peer.outbox.v1';
/** the three ways of the library that keep the order of a key */
const MODES = {
  mutex: 'replication, one at a time (its default)',
  segment: 'replication, one at a time per key',
  polling: 'polling, 100 every 50 ms',
} as const;
type Mode = keyof typeof MODES;

/**
 * The relay beside pg-transactional-outbox, the outbox library a Node service would take from npm: rows of 1 KiB that were
 * committed while no relay was at work, into a real Kafka. It sends and marks each message by itself, so it is judged by a window.
 * Our process stays up and stands still when it is not its turn; the library's is a new one each time, one per mode.
 */
export default async function run(): Promise<Report> {
  const folder = await fromNpm('pg-transactional-outbox', ['relay.mjs', 'setup.mjs']);
  const bench = await openRelayBench();
  const ours: Drained[] = [];
  const theirs: Record<Mode, Drained[]> = { mutex: [], segment: [], polling: [] };
  let relay: PeerProcess | undefined;
  try {
    await bench.createTopic(TOPIC);
    await bench.append(ROWS);
    relay = await bench.ours();
    await bench.drainOurs(relay, ROWS);
    for (let round = 0; round < ROUNDS; round++) {
      await bench.append(ROWS);
      ours.push(await bench.drainOurs(relay, ROWS));
      for (const mode of Object.keys(MODES) as Mode[]) theirs[mode].push(await drainTheirs(bench, folder, mode));
    }
  } finally {
    await relay?.stop();
    await bench.close();
  }
  const rates = (runs: readonly Drained[]): number[] => runs.map(({ perSecond }) => perSecond);
  const modes = Object.keys(MODES) as Mode[];
  const best = modes.toSorted((a, b) => median(rates(theirs[b])) - median(rates(theirs[a])))[0]!;
  const report: Report = {
    setup: [
      `Crossdock, warmed with as many, drains ${ROWS.toLocaleString('en')} rows of 1 KiB; the library ${PEER_ROWS.toLocaleString('en')} of its own, for at most ${WINDOW_MS / 1000} s; Kafka topics with 12 partitions, acknowledged by all replicas`,
      'pg-transactional-outbox 0.5.7, its set-up script, kafkajs 2.2.4, its protections against crashing messages off (faster), three modes',
      `${ROUNDS} rounds, alternating, medians`,
    ],
    comparisons: modes.map((mode) => ({
      figure: 'rows relayed',
      unit: '1/s',
      ours: rates(ours),
      peer: MODES[mode],
      theirs: rates(theirs[mode]),
      goal: mode === best ? { atLeast: 100 } : undefined,
    })),
    figures: {
      'CPU of our process per row, us': median(ours.map(({ cpuMicros }) => cpuMicros)),
      'CPU of its process per row at its best, us': median(theirs[best].map(({ cpuMicros }) => cpuMicros)),
    },
  };
  printReport(report);
  return report;
}

async function drainTheirs(bench: RelayBench, folder: string, mode: Mode): Promise<Drained> {
  const base = await bench.count(TOPIC);
  await setUp(bench, folder, mode);
  await bench.database.query(FILL, [PEER_ROWS]);
  await bench.database.query('vacuum analyze peer.outbox');
  const relay = new PeerProcess({
    name: `pg-transactional-outbox, ${MODES[mode]}`,
    program: process.execPath,
    args: [join(folder, 'relay.mjs'), bench.url, bench.brokers.join(','), TOPIC, mode],
    cwd: folder,
  });
  try {
    return await bench.drained(relay, { topic: TOPIC, base, rows: PEER_ROWS, windowMs: WINDOW_MS });
  } finally {
    await relay.stop();
  }
}

/** The library's own script; it asks for the slot to be created in a transaction of its own. */
async function setUp({ database }: RelayBench, folder: string, mode: Mode): Promise<void> {
  await dropSlot(database);
  const kind = mode === 'polling' ? 'polling' : 'replication';
  const script = execFileSync(process.execPath, [join(folder, 'setup.mjs'), kind], { cwd: folder, encoding: 'utf8' });
  const [before, slot] = script.split('-- NOTE: This must be run in a separate database transaction or it will fail');
  await database.query(before!);
  if (slot) await database.query(slot);
}

/** Of the process before; the server may need a moment to see that it has gone. */
async function dropSlot(database: Database): Promise<void> {
  for (;;) {
    const [slot] = await database.query<{ active: boolean }>(
      "select active from pg_replication_slots where slot_name = 'peer_slot'",
    );
    if (!slot) return;
    if (slot.active) await new Promise((resolve) => setTimeout(resolve, 50));
    else await database.query("select pg_drop_replication_slot('peer_slot')");
  }
}

const FILL = `
  insert into peer.outbox (id, aggregate_type, aggregate_id, message_type, segment, payload)
  select gen_random_uuid(), 'order', (n % 1000)::text, 'crm.order.updated', (n % 1000)::text,
    jsonb_build_object('key', n % 1000, 'n', n, 'pad', repeat('x', 990))
  from generate_series(1, $1::integer) as n`;
