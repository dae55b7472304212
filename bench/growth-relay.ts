import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Database, migrate, startEmbeddedPostgres } from '#db';
import { extendOutbox } from '#outbox';
import { Relay } from '../apps/relay/src/relay.ts';
import { Nowhere } from './kit/nowhere.ts';
import { appendOne } from './kit/relay.ts';
import { median, printReport, say, short, type Report } from './kit/report.ts';

const WAITING = [10_000, 100_000, 1_000_000, 10_000_000];
const SIZES = [100, 1_000, 10_000, 100_000];
const ROUNDS = 5;
/** rows that are drained of what waits */
const DRAINED = 10_000;
const APPENDS = 300;
/** rows of the backlog; small, so that ten millions are filled in minutes */
const PAYLOAD = 100;

/** An outbox of a size, in a database of its own. */
interface Outbox {
  waiting: number;
  url: string;
  database: Database;
  /** one of each round: rows a second, blocks touched by 10,000 rows, microseconds an append */
  rates: number[];
  blocks: number[];
  appends: number[];
}

/**
 * What the relay and the append into its outbox cost as the outbox grows: rows drained a second while 10^4 to 10^7 wait, the
 * blocks that takes, what a single append takes then, and how the rate falls with the size of the payload. The log takes
 * everything at once. Each size has a database of its own in one PostgreSQL and the rounds go from one to the next, so that
 * whatever else the machine does meets all of them alike. `growth-relay=1000000` leaves out what is larger.
 */
export default async function run(argument = '10000000'): Promise<Report> {
  const most = Number(argument);
  if (!(most >= WAITING[1]!)) throw new Error(`an outbox of ${WAITING[1]} rows or more`);
  const dataDir = mkdtempSync(join(tmpdir(), 'crossdock-bench-'));
  chmodSync(dataDir, 0o755);
  const server = await startEmbeddedPostgres({ dataDir });
  const outboxes: Outbox[] = [];
  const sizes: [number, number][] = [];
  try {
    const small = await open(server.url, 0);
    for (const bytes of SIZES) sizes.push([bytes, await ofSize(small.database, bytes)]);
    await small.database.close();
    for (const waiting of WAITING.filter((size) => size <= most)) {
      const began = performance.now();
      outboxes.push(await open(server.url, waiting));
      await fill(outboxes.at(-1)!.database, 0, waiting, PAYLOAD);
      say(`${waiting.toLocaleString('en')} wait, made in ${((performance.now() - began) / 1_000).toFixed(0)} s`);
    }
    for (let round = 0; round <= ROUNDS; round++)
      for (const outbox of outboxes) {
        const { rate, blocks } = await drainFrom(outbox);
        const append = await appendMicros(outbox.database);
        if (round === 0) continue; // warms up
        outbox.rates.push(rate);
        outbox.blocks.push(blocks);
        outbox.appends.push(append);
      }
  } finally {
    for (const { database } of outboxes) await database.close();
    await server.stop();
    rmSync(dataDir, { recursive: true, force: true });
  }
  for (const { waiting, rates, blocks, appends } of outboxes)
    say(
      `${waiting.toLocaleString('en')} wait: ${short(median(rates))} rows/s, ${short(median(blocks))} blocks, an append ${short(median(appends))} us`,
    );
  const report = reportOf(outboxes, sizes);
  printReport(report);
  return report;
}

function reportOf(outboxes: readonly Outbox[], sizes: readonly [number, number][]): Report {
  const [few, many] = [outboxes[0]!, outboxes.at(-1)!];
  const [least, most] = [few.waiting.toLocaleString('en'), many.waiting.toLocaleString('en')];
  const points = (of: (outbox: Outbox) => readonly number[]): [number, number][] =>
    outboxes.map((at) => [at.waiting, median(of(at))]);
  const waiting = 'rows waiting in the outbox';
  return {
    setup: [
      `rows of ${PAYLOAD} bytes wait, ${DRAINED.toLocaleString('en')} of them are drained into a log that takes everything at once; databases of one PostgreSQL 18, ${ROUNDS} rounds that alternate, medians`,
      `an append: one row in a transaction of its own, with its version, ${APPENDS} one after the other`,
    ],
    comparisons: [
      {
        figure: `rows relayed while ${most} wait`,
        unit: '1/s',
        ours: many.rates,
        peer: `while ${least} wait`,
        theirs: few.rates,
        goal: { atLeast: 0.9 },
      },
      {
        figure: `blocks of ${DRAINED.toLocaleString('en')} rows while ${most} wait`,
        unit: 'blocks',
        ours: many.blocks,
        peer: `while ${least} wait`,
        theirs: few.blocks,
        goal: { atMost: 1.2 },
      },
      {
        figure: `an append while ${most} wait`,
        unit: 'us',
        ours: many.appends,
        peer: `while ${least} wait`,
        theirs: few.appends,
        goal: { atMost: 1.2 },
      },
    ],
    series: [
      { name: 'relay', x: waiting, y: 'rows relayed per second', points: points((at) => at.rates) },
      { name: 'blocks', x: waiting, y: 'blocks touched', points: points((at) => at.blocks) },
      { name: 'append', x: 'rows in the outbox', y: 'one append, microseconds', points: points((at) => at.appends) },
      { name: 'relay by size', x: 'payload, bytes', y: 'rows relayed per second', points: sizes },
    ],
  };
}

async function open(server: string, waiting: number): Promise<Outbox> {
  const admin = await Database.open({ url: server, name: 'bench', max: 1 });
  await admin.query(`create database outbox_${waiting}`);
  await admin.close();
  const own = new URL(server);
  own.pathname = `/outbox_${waiting}`;
  await migrate(own.href);
  const database = await Database.open({ url: own.href, name: 'bench', max: 4 });
  return { waiting, url: own.href, database, rates: [], blocks: [], appends: [] };
}

async function ofSize(database: Database, bytes: number): Promise<number> {
  await database.query('truncate outbox');
  const rows = Math.max(2_000, Math.min(DRAINED, Math.floor(200_000_000 / bytes / 4)));
  await fill(database, 0, rows, bytes);
  return repeated(() => drain(database, rows));
}

async function fill(database: Database, from: number, to: number, bytes: number): Promise<void> {
  for (let at = from; at < to; at += 100_000) {
    await extendOutbox(database); // as a relay does each minute
    await database.query(
      `insert into outbox (event_id, aggregatetype, aggregateid, type, topic, key, headers, payload)
       select gen_random_uuid(), 'order', (n % 1000)::text, 'crm.order.updated', 'crm.bench.v1', 't:order:' || n % 1000,
         jsonb_build_object('ce_type', 'crm.order.updated', 'ce_aggregateversion', n::text), decode(repeat('5a', $1), 'hex')
       from generate_series(1, $2::integer) as n`,
      [bytes, Math.min(100_000, to - at)],
    );
  }
  await database.query('vacuum analyze outbox');
  await database.query('checkpoint');
}

/** From the oldest row on, as after an outage. */
async function drain(database: Database, rows: number): Promise<number> {
  await database.query(
    "update relay_cursor set high = coalesce((select min(id) - 1 from outbox), 0), gaps = '[]' where shard = 0",
  );
  const relay = new Relay({
    database,
    log: new Nowhere(),
    surprised: (message, cause) => say(`${message}: ${String(cause)}`),
  });
  const began = performance.now();
  await relay.start();
  while (relay.state.published < rows) await new Promise((resolve) => setTimeout(resolve, 2));
  const rate = relay.state.published / ((performance.now() - began) / 1000);
  await relay.stop();
  return rate;
}

/** On connections of its own: PostgreSQL adds up what they touched when they end. */
async function drainFrom({ url, database }: Outbox): Promise<{ rate: number; blocks: number }> {
  const touched = async (): Promise<number> => {
    const [row] = await database.query<{ n: number }>(
      'select (blks_hit + blks_read)::float8 as n from pg_stat_database where datname = current_database()',
    );
    return row!.n;
  };
  const before = await touched();
  const own = await Database.open({ url, name: 'bench', max: 2 });
  const rate = await drain(own, DRAINED);
  await own.close();
  await new Promise((resolve) => setTimeout(resolve, 200));
  return { rate, blocks: (await touched()) - before };
}

async function appendMicros(database: Database): Promise<number> {
  const append = appendOne(database, 'crm.bench.v1');
  const began = performance.now();
  for (let n = 0; n < APPENDS; n++) await append(`t:order:new-${began}-${n}`);
  return ((performance.now() - began) / APPENDS) * 1000;
}

async function repeated(measure: () => Promise<number>): Promise<number> {
  const values: number[] = [];
  for (let round = 0; round < ROUNDS; round++) values.push(await measure());
  return median(values);
}
