import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Database, migrate, readHistory, startEmbeddedPostgres, type EmbeddedPostgres } from '#db';
import { eventually } from '#testing';
import { HistoryWatch } from './history-watch.ts';
import { Relay } from './relay.ts';
import { append } from './testing/append.ts';
import { CollectingLog } from './testing/collecting-log.ts';
import { fileWitness } from './witness.ts';

describe('a PostgreSQL that crashes and recovers', () => {
  let data: string;
  let server: EmbeddedPostgres;
  let database: Database;
  beforeAll(async () => {
    data = mkdtempSync(join(tmpdir(), 'crossdock-crashed-'));
    chmodSync(data, 0o755);
    server = await startEmbeddedPostgres({ dataDir: data });
    await migrate(server.url);
    database = await Database.open({ url: server.url, name: 'crashed', max: 4 });
  }, 60_000);
  afterAll(async () => {
    await database?.close();
    await server?.stop();
    rmSync(data, { recursive: true, force: true });
  });

  it('has lost nothing, so it is not doubted, and may send again as soon as a relay has vouched for it', async () => {
    const log = new CollectingLog();
    const surprised = (): void => {};
    const history = new HistoryWatch({ database, witnesses: [fileWitness(data)], everyMs: 20, surprised });
    await history.start();
    const relay = new Relay({ database, log, beforeLeading: () => history.look(), surprised });
    await relay.start();
    const maySend = async (): Promise<boolean> =>
      (await database.query<{ may: boolean }>('select may_send() as may'))[0]!.may;
    for (let round = 1; round <= 3; round++) {
      await append(database, 'a');
      await log.until(round);
      const { mark } = await readHistory(database);
      await eventually(async () => (await readHistory(database)).mark > mark, 'marks go on');
      const ended = server.ended;
      process.kill(server.pid, 'SIGQUIT');
      await ended;
      server = await startEmbeddedPostgres({ dataDir: data });
      await eventually(() => maySend().catch(() => false), 'it may send again');
      expect((await readHistory(database)).state).toBe('trusted');
    }
    await append(database, 'a');
    await eventually(
      () => Promise.resolve(new Set(log.records.map(({ headers }) => headers['ce_aggregateversion'])).size === 4),
      'all is published',
      20_000,
    );
    await relay.stop();
    await history.stop();
  }, 120_000);
});
