import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Database, migrate, startEmbeddedPostgres, type EmbeddedPostgres } from '#db';
import { eventually, processFault } from '#testing';
import { HistoryWatch } from './history-watch.ts';
import { Relay } from './relay.ts';
import { append } from './testing/append.ts';
import { CollectingLog } from './testing/collecting-log.ts';
import { fileWitness } from './witness.ts';

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
    database = await Database.open({ url: server.url, name: 'stalled', max: 4, queryTimeoutMs: 1_000 });
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
    const standBy = { everyMs: 20, frozenMs: 2_000 };
    const relay = new Relay({ database, log, patienceMs: 500, standBy, surprised });
    await relay.start();
    await append(database, 'a');
    await log.until(1);
    const stalled = processesOf(server);
    for (const pid of stalled) processFault.stop(pid);
    try {
      await eventually(() => surprises.includes('the relay lost its session; trying again'), 'it is given up', 20_000);
      await expect(append(database, 'a')).rejects.toMatchObject({ code: 'CROSSDOCK_DB_UNAVAILABLE', retryable: true });
    } finally {
      for (const pid of stalled) processFault.resume(pid);
    }
    await eventually(() => append(database, 'a').catch(() => undefined), 'it takes rows again', 20_000);
    await eventually(() => surprises.includes('the relay works again'), 'it is used again', 20_000);
    const [row] = await database.query<{ count: number }>('select count(*)::integer as count from outbox');
    await log.until(row!.count, 20_000);
    expect(log.records.map(({ headers }) => headers['ce_aggregateversion'])).toEqual(
      Array.from({ length: row!.count }, (_, at) => `${at + 1}`),
    );
    expect(history.doubted).toBe(false);
    await relay.stop();
    await history.stop();
  }, 90_000);
});

/** The server and every process it has started, now. */
function processesOf({ pid: postmaster }: EmbeddedPostgres): number[] {
  const shown = spawnSync('ps', ['-e', '-o', 'pid=,ppid='], { encoding: 'utf8' }).stdout;
  const pairs = shown.split('\n').map((line) => line.trim().split(/\s+/).map(Number));
  return [postmaster, ...pairs.filter(([, parent]) => parent === postmaster).map(([pid]) => pid!)];
}
