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

const ROWS = 20_000;
const PAYLOAD = 1_024;
const COUNTS = [1, 2, 4];

/**
 * A backlog of 20,000 rows of 1 KiB on 1,000 keys, published to the log in PostgreSQL by 1, 2 and 4 relay processes, a shard
 * each. On a machine with few cores this shows what sharing costs rather than what it brings: the log's inserts and the
 * server take the cores that further relays would need.
 */
export default async function run(): Promise<void> {
  const dataDir = mkdtempSync(join(tmpdir(), 'crossdock-bench-'));
  chmodSync(dataDir, 0o755);
  const server = await startEmbeddedPostgres({ dataDir });
  try {
    await migrate(server.url);
    const database = await Database.open({ url: server.url, name: 'bench', max: 4 });
    const log = await openEventLog({ database });
    await log.ensureTopics(declareTopics([]));
    for (const shards of COUNTS) {
      await changeShards(database, shards);
      const relays = await Promise.all(Array.from({ length: shards }, () => start(server.url, dataDir)));
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
      const seconds = (performance.now() - began) / 1000;
      say(
        `  ${shards} relay processes  ${Math.round(ROWS / seconds).toLocaleString('en')} rows/s, from the commit of the backlog to the last cursor`,
      );
      await Promise.all(relays.map(stop));
    }
    say(`  (${cpus().length} cores)`);
    await log.close();
    await database.close();
  } finally {
    await server.stop();
    rmSync(dataDir, { recursive: true, force: true });
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

function say(line: string): void {
  process.stdout.write(line + '\n');
}
