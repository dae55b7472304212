import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Database, migrate, startEmbeddedPostgres } from '#db';
import { Relay } from '../apps/relay/src/relay.ts';
import { Nowhere } from './kit/nowhere.ts';
import { appendOne } from './kit/relay.ts';
import { median, printReport, say, short, type Report } from './kit/report.ts';

const WAITING = [10_000, 30_000, 100_000, 300_000, 1_000_000];
const SIZES = [100, 1_000, 10_000, 100_000];
const ROUNDS = 5;
/** rows that are drained of what waits */
const DRAINED = 10_000;
const APPENDS = 500;
/** rows of the backlog; small, so that a million is filled in a minute */
const PAYLOAD = 100;

/**
 * What the relay and the append into its outbox cost as the outbox grows: rows drained a second while 10^4 to 10^6 wait, what a
 * single append takes then, and how the rate falls with the size of the payload. The log takes everything at once.
 */
export default async function run(): Promise<Report> {
  const dataDir = mkdtempSync(join(tmpdir(), 'crossdock-bench-'));
  chmodSync(dataDir, 0o755);
  const server = await startEmbeddedPostgres({ dataDir });
  await migrate(server.url);
  const database = await Database.open({ url: server.url, name: 'bench', max: 6 });
  const rates: [number, number][] = [];
  const appends: [number, number][] = [];
  const sizes: [number, number][] = [];
  try {
    for (const bytes of SIZES) sizes.push([bytes, await ofSize(database, bytes)]);
    await database.query('truncate outbox');
    let filled = 0;
    for (const waiting of WAITING) {
      filled = await fill(database, filled, waiting, PAYLOAD);
      rates.push([waiting, await repeated(() => drain(database, Math.min(DRAINED, waiting)))]);
      appends.push([waiting, await repeated(() => appendMicros(database))]);
      say(`${waiting} wait: ${short(rates.at(-1)![1])} rows/s, an append ${short(appends.at(-1)![1])} us`);
    }
  } finally {
    await database.close();
    await server.stop();
    rmSync(dataDir, { recursive: true, force: true });
  }
  const [few, many] = [rates[0]![1], rates.at(-1)![1]];
  const report: Report = {
    setup: [
      `rows of ${PAYLOAD} bytes wait, ${DRAINED.toLocaleString('en')} of them are drained; ${ROUNDS} rounds, medians; a log that takes everything at once`,
      `an append: one row in a transaction of its own, with its version, ${APPENDS} one after the other`,
    ],
    comparisons: [
      {
        figure: 'rows relayed while 1,000,000 wait',
        unit: '1/s',
        ours: [many],
        peer: 'while 10,000 wait',
        theirs: [few],
      },
    ],
    series: [
      { name: 'relay', x: 'rows waiting in the outbox', y: 'rows relayed per second', points: rates },
      { name: 'append', x: 'rows in the outbox', y: 'one append, microseconds', points: appends },
      { name: 'relay by size', x: 'payload, bytes', y: 'rows relayed per second', points: sizes },
    ],
  };
  printReport(report);
  return report;
}

async function ofSize(database: Database, bytes: number): Promise<number> {
  await database.query('truncate outbox');
  const rows = Math.max(2_000, Math.min(DRAINED, Math.floor(200_000_000 / bytes / 4)));
  await fill(database, 0, rows, bytes);
  return repeated(() => drain(database, rows));
}

async function fill(database: Database, from: number, to: number, bytes: number): Promise<number> {
  for (let at = from; at < to; at += 100_000)
    await database.query(
      `insert into outbox (event_id, aggregatetype, aggregateid, type, topic, key, headers, payload)
       select gen_random_uuid(), 'order', (n % 1000)::text, 'crm.order.updated', 'crm.bench.v1', 't:order:' || n % 1000,
         jsonb_build_object('ce_type', 'crm.order.updated', 'ce_aggregateversion', n::text), decode(repeat('5a', $1), 'hex')
       from generate_series(1, $2::integer) as n`,
      [bytes, Math.min(100_000, to - at)],
    );
  await database.query('vacuum analyze outbox');
  return to;
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
