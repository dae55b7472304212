import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { declareTopics } from '#contracts';
import { Database, migrate, startEmbeddedPostgres } from '#db';
import { openEventLog } from '#event-log';
import { changeShards } from '#outbox';
import { packageRoot } from '#platform';
import { printReport, type Report } from './kit/report.ts';

const ROWS = 20_000;
const PAYLOAD = 1_024;
const COUNTS = [1, 2, 4];
const ROUNDS = 3;

/**
 * A backlog of 20,000 rows of 1 KiB on 1,000 keys, published to the log in PostgreSQL by 1, 2 and 4 relay processes, a shard
 * each. On a machine with few cores this shows what sharing costs rather than what it brings: the log's inserts and the
 * server take the cores that further relays would need.
 */
export default async function run(): Promise<Report> {
  const dataDir = mkdtempSync(join(tmpdir(), 'crossdock-bench-'));
  chmodSync(dataDir, 0o755);
  const server = await startEmbeddedPostgres({ dataDir });
  try {
    await migrate(server.url);
    const database = await Database.open({ url: server.url, name: 'bench', max: 4 });
    const log = await openEventLog({ database });
    await log.ensureTopics(declareTopics([]));
    const rates = new Map<number, number[]>(COUNTS.map((shards) => [shards, []]));
    for (let round = 0; round < ROUNDS; round++)
      for (const shards of COUNTS) rates.get(shards)!.push(await rate(database, server.url, dataDir, shards));
    await log.close();
    await database.close();
    const report: Report = {
      setup: [
        `${ROWS.toLocaleString('en')} rows of 1 KiB on 1,000 keys into the log in PostgreSQL, a shard and a process each, ${cpus().length} cores for everything`,
        `rate: from the commit of the backlog to the last cursor; ${ROUNDS} rounds, alternating, medians`,
      ],
      comparisons: COUNTS.slice(1).map((shards) => ({
        figure: `rows published by ${shards} relay processes`,
        unit: '1/s',
        ours: rates.get(shards)!,
        peer: 'one relay process',
        theirs: rates.get(1)!,
      })),
    };
    printReport(report);
    return report;
  } finally {
    await server.stop();
    rmSync(dataDir, { recursive: true, force: true });
  }
}

/** Rows a second. */
async function rate(database: Database, url: string, dataDir: string, shards: number): Promise<number> {
  await changeShards(database, shards);
  const relays = await Promise.all(Array.from({ length: shards }, () => start(url, dataDir)));
  try {
    await until(
      database,
      `select count(*) = ${shards} as done from relay_cursor where beat_at > now() - interval '3 s'`,
    );
    await settled(database);
    const began = performance.now();
    await fill(database);
    await until(
      database,
      "select bool_and(high >= (select max(id) from outbox) and gaps = '[]') as done from relay_cursor",
    );
    return ROWS / ((performance.now() - began) / 1000);
  } finally {
    await Promise.all(relays.map(stop));
  }
}

/** Shards go from process to process until each leads its part: nobody has taken one for five seconds. */
async function settled(database: Database): Promise<void> {
  let last = -1n;
  for (let calm = 0; calm < 10; calm++) {
    const [row] = await database.query<{ taken: bigint }>('select sum(epoch)::bigint as taken from relay_cursor');
    if (row!.taken !== last) calm = 0;
    last = row!.taken;
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
}

async function fill(database: Database): Promise<void> {
  await database.query(
    `insert into outbox (event_id, aggregatetype, aggregateid, type, topic, key, headers, payload)
     select gen_random_uuid(), 'order', (n % 1000)::text, 'crm.order.updated', 'crm.order.v1', 't:order:' || n % 1000,
       jsonb_build_object('ce_id', gen_random_uuid(), 'ce_aggregateversion', n::text, 'ce_type', 'crm.order.updated'),
       decode(repeat('5a', $1), 'hex')
     from generate_series(1, $2) as n`,
    [PAYLOAD, ROWS],
  );
}

async function start(url: string, data: string): Promise<ChildProcess> {
  const child = spawn(process.execPath, [join(packageRoot(), 'dist/apps/cli/src/main.js'), 'run', 'relay'], {
    env: { PATH: join(process.execPath, '..'), DATABASE_URL: url, CROSSDOCK_DATA: data, CROSSDOCK_METRICS_PORT: '0' },
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  await once(child, 'message');
  return child;
}

async function stop(child: ChildProcess): Promise<void> {
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  await ended;
}

async function until(database: Database, sql: string): Promise<void> {
  for (const end = performance.now() + 60_000; performance.now() < end;) {
    const [row] = await database.query<{ done: boolean }>(sql);
    if (row!.done) return;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  throw new Error('the relays did not get there within a minute');
}
