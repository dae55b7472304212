import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { EventLog, LogRecord, GroupPosition, PartitionLag, RunningSubscription } from '#contracts';
import { Database, migrate, startEmbeddedPostgres } from '#db';
import { appendRows, drawVersion } from '#outbox';
import { Relay } from '../apps/relay/src/relay.ts';
import { printReport, quantile, type Report } from './kit/report.ts';

const PER_SECOND = 200;
const SECONDS = 8;
const ROUNDS = 3;

/**
 * How long a committed event waits for the log to get it, with and without an unrelated transaction that holds a
 * transaction id open all the time, beside the relay recipe that reads only below `xmin` (which such a transaction stops).
 * Goal (with issue 1): p99 with / without <= 1.1. Open loop: a late event counts from when it was due.
 */
export default async function run(): Promise<Report> {
  const dataDir = mkdtempSync(join(tmpdir(), 'crossdock-bench-'));
  chmodSync(dataDir, 0o755);
  const server = await startEmbeddedPostgres({ dataDir });
  await migrate(server.url);
  const database = await Database.open({ url: server.url, name: 'bench', max: 12 });
  try {
    const without: number[][] = [];
    const held: number[][] = [];
    for (let round = 0; round < ROUNDS; round++) {
      without.push(await ours(database, false));
      held.push(await ours(database, true));
    }
    const report = reportOf(without, held, await belowXmin(database));
    printReport(report);
    return report;
  } finally {
    await database.close();
    await server.stop();
    rmSync(dataDir, { recursive: true, force: true });
  }
}

function reportOf(without: number[][], held: number[][], belowXmin: number[]): Report {
  const at = (q: number, rounds: readonly number[][]): number[] => rounds.map((waits) => quantile(waits, q));
  return {
    setup: [
      `${PER_SECOND} appends a second for ${SECONDS} s, each from its commit to the log's append; ${ROUNDS} rounds, alternating, medians`,
      'an unrelated transaction with a transaction id stays open; the peer reads only below pg_snapshot_xmin, for which it is held 2 s',
    ],
    comparisons: [
      {
        figure: 'p99 with the transaction open',
        unit: 'ms',
        ours: at(0.99, held),
        peer: 'our own without it',
        theirs: at(0.99, without),
        goal: { atMost: 1.1 },
      },
      {
        figure: 'p50 with the transaction open',
        unit: 'ms',
        ours: at(0.5, held),
        peer: 'below xmin',
        theirs: at(0.5, [belowXmin]),
      },
      {
        figure: 'p99 with the transaction open',
        unit: 'ms',
        ours: at(0.99, held),
        peer: 'below xmin',
        theirs: at(0.99, [belowXmin]),
      },
    ],
    figures: { 'our p50 without it, ms': at(0.5, without).toSorted((a, b) => a - b)[1]! },
  };
}

async function ours(database: Database, hold: boolean): Promise<number[]> {
  const arrived = new Arrivals();
  const relay = new Relay({
    database,
    log: arrived,
    surprised: (message, cause) => say(`${message}: ${String(cause)}`),
  });
  await relay.start();
  const release = hold ? await unrelated(database) : async () => {};
  const waits = await load(database, arrived);
  await release();
  await relay.stop();
  return waits;
}

/** Reads every 5 ms what lies below the oldest open transaction, in order of transaction ids. */
async function belowXmin(database: Database): Promise<number[]> {
  const arrived = new Arrivals();
  let last = (
    await database.query<{ last: bigint }>('select coalesce(max(xmin::text::bigint), 0) as last from outbox')
  )[0]!.last;
  const stop = new AbortController();
  const reading = (async () => {
    while (!stop.signal.aborted) {
      const rows = await database.query<{ key: string; xid: bigint; event: string }>(
        `select key, xmin::text::bigint as xid, headers ->> 'ce_id' as event from outbox
         where xmin::text::bigint > $1 and xmin::text::bigint < pg_snapshot_xmin(pg_current_snapshot())::text::bigint
           order by xmin::text::bigint, id`,
        [last],
      );
      for (const row of rows) arrived.note(row.event);
      last = rows.at(-1)?.xid ?? last;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  })();
  const release = await unrelated(database);
  const waits = load(database, arrived);
  setTimeout(() => void release(), 2000);
  const done = await waits;
  stop.abort();
  await reading;
  return done;
}

/** A transaction that has written something else and stays open. */
async function unrelated(database: Database): Promise<() => Promise<void>> {
  const session = await database.session();
  await session.query('create table if not exists elsewhere (n integer)');
  await session.query('begin');
  await session.query('insert into elsewhere values (1)');
  return async () => {
    await session.query('commit');
    await session.close();
  };
}

/** Appends at a fixed rate; waiting times in ms. */
async function load(database: Database, arrived: Arrivals): Promise<number[]> {
  const began = performance.now();
  const waits: Promise<number>[] = [];
  for (let n = 0; n < PER_SECOND * SECONDS; n++) {
    const due = began + (n * 1000) / PER_SECOND;
    const early = due - performance.now();
    if (early > 0) await new Promise((resolve) => setTimeout(resolve, early));
    const event = crypto.randomUUID();
    const arrival = arrived.wait(event);
    const committed = append(database, `t:order:${n % 100}`, event).then(() => performance.now());
    waits.push(Promise.all([arrival, committed]).then(([at, commit]) => Math.max(0, at - commit)));
  }
  return Promise.all(waits);
}

async function append(database: Database, key: string, event: string): Promise<void> {
  await database.transaction(async (tx) => {
    const { version } = await drawVersion(tx, key);
    await appendRows(tx, [
      {
        eventId: event,
        aggregateType: 'order',
        aggregateId: key,
        type: 'crm.order.updated',
        topic: 'crm.order.v1',
        key,
        headers: { ce_id: event, ce_aggregateversion: String(version) },
        payload: Buffer.alloc(300),
      },
    ]);
  });
}

/** A log that notes when each event came. */
class Arrivals implements EventLog {
  readonly #waiting = new Map<string, (at: number) => void>();

  wait(event: string): Promise<number> {
    return new Promise((resolve) => this.#waiting.set(event, resolve));
  }

  note(event: string): void {
    this.#waiting.get(event)?.(performance.now());
    this.#waiting.delete(event);
  }

  async append(records: readonly LogRecord[]): Promise<void> {
    for (const record of records) this.note(record.headers['ce_id']!);
  }

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
