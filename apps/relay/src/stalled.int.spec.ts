import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { migrate, readHistory, startEmbeddedPostgres, type Database, type EmbeddedPostgres } from '#db';
import { eventually, processFault, TcpProxy } from '#testing';
import { HistoryWatch } from './history-watch.ts';
import { openPool } from './pool.ts';
import { Relay } from './relay.ts';
import { append } from './testing/append.ts';
import { CollectingLog } from './testing/collecting-log.ts';
import { fileWitness } from './witness.ts';

/** Longer than an answer is waited for, ms. */
const GIVEN_UP = 45_000;

/** Row F08 of the fault matrix, on a server of its own: every process of it is stopped, its sockets stay open. */
describe('a PostgreSQL that stalls', () => {
  let data: string;
  let server: EmbeddedPostgres;
  let database: Database;
  beforeAll(async () => {
    data = mkdtempSync(join(tmpdir(), 'crossdock-stalled-'));
    chmodSync(data, 0o755);
    server = await startEmbeddedPostgres({ dataDir: data, durable: false });
    await migrate(server.url);
    database = await openPool(server.url);
  }, 60_000);
  afterAll(async () => {
    await database?.close();
    await server?.stop();
    rmSync(data, { recursive: true, force: true });
  });

  it('is waited for with patience and given up, and used again when it goes on, without doubt and without loss', async () => {
    const log = new CollectingLog();
    const surprises: string[] = [];
    const surprised = (message: string): void => void surprises.push(message);
    const history = new HistoryWatch({ database, witnesses: [fileWitness(data)], everyMs: 50, surprised });
    await history.start();
    const relay = new Relay({ database, log, beforeLeading: () => history.look(), surprised });
    await relay.start();
    await append(database, 'a');
    await log.until(1);
    const stalled = processesOf(server);
    for (const pid of stalled) processFault.stop(pid);
    const appended = append(database, 'a');
    appended.catch(() => {}); // it is looked at below
    try {
      await eventually(
        () => surprises.includes('the relay lost its session; trying again'),
        'it is given up',
        GIVEN_UP,
      );
      await expect(appended).rejects.toMatchObject({ code: 'CROSSDOCK_DB_UNAVAILABLE', retryable: true });
    } finally {
      for (const pid of stalled) processFault.resume(pid);
    }
    await eventually(() => append(database, 'a').catch(() => undefined), 'it takes rows again');
    await eventually(() => surprises.includes('the relay works again'), 'it is used again');
    const [row] = await database.query<{ count: number }>('select count(*)::integer as count from outbox');
    await log.until(row!.count);
    expect(log.records.map(({ headers }) => headers['ce_aggregateversion'])).toEqual(
      Array.from({ length: row!.count }, (_, at) => `${at + 1}`),
    );
    expect(history.doubted).toBe(false);
    await relay.stop();
    await history.stop();
  }, 150_000);

  it('is used again under its address when its host was lost without a word: marks go on, and rows are published', async () => {
    const { proxy, url } = await TcpProxy.before(server.url);
    const own = await openPool(url);
    const log = new CollectingLog();
    const surprised = (): void => {};
    const history = new HistoryWatch({ database: own, witnesses: [], everyMs: 50, surprised });
    await history.start();
    const relay = new Relay({ database: own, log, beforeLeading: () => history.look(), surprised });
    await relay.start();
    const { length: before } = log.records;
    await append(database, 'b');
    await log.until(before + 1);
    // what is asked now is never answered, and nothing says so; new connections reach the server
    proxy.toServer = { swallow: true };
    const markOf = async (): Promise<bigint> => (await readHistory(database)).mark;
    let last = -1n;
    await eventually(async () => {
      const mark = await markOf();
      await new Promise((resolve) => setTimeout(resolve, 300));
      last = await markOf();
      return mark === last;
    }, 'no mark comes any more');
    proxy.heal();
    await append(database, 'b');
    await Promise.all([
      eventually(async () => (await markOf()) > last, 'marks go on', GIVEN_UP),
      log.until(before + 2, GIVEN_UP),
    ]);
    await relay.stop();
    await history.stop();
    await own.close();
    await proxy.close();
  }, 90_000);
});

/** The server and every process it has started, now. */
function processesOf({ pid: postmaster }: EmbeddedPostgres): number[] {
  const shown = spawnSync('ps', ['-e', '-o', 'pid=,ppid='], { encoding: 'utf8' }).stdout;
  const pairs = shown.split('\n').map((line) => line.trim().split(/\s+/).map(Number));
  return [postmaster, ...pairs.filter(([, parent]) => parent === postmaster).map(([pid]) => pid!)];
}
