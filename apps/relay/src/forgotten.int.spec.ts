import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { OpenTransaction } from '#outbox';
import { clonedDatabase, eventually, type ClonedDatabase } from '#testing';
import { watchForgotten } from './forgotten.ts';
import { Relay } from './relay.ts';
import { append, appendAndHold } from './testing/append.ts';
import { CollectingLog } from './testing/collecting-log.ts';

describe('a forgotten open transaction', () => {
  let clone: ClonedDatabase;
  let log: CollectingLog;
  let relay: Relay;
  beforeEach(async () => {
    clone = await clonedDatabase();
    log = new CollectingLog();
    relay = new Relay({ database: clone.database, log, surprised: () => {} });
    await relay.start();
  });
  afterEach(async () => {
    await relay.stop();
    await clone.close();
  });

  it('is named, delays only its own record, and everything goes on when it is ended', async () => {
    const found: (OpenTransaction | undefined)[] = [];
    const surprises: string[] = [];
    const stop = watchForgotten({
      database: clone.database,
      longMs: 100,
      everyMs: 20,
      found: (transaction) => found.push(transaction),
      surprised: (message) => surprises.push(message),
    });
    const undone = await appendAndHold(clone.database, 'undone');
    const forgotten = await appendAndHold(clone.database, 'forgotten');
    for (let n = 0; n < 50; n++) await append(clone.database, String(n % 5));
    await log.until(50);
    await undone.end('rollback');
    await eventually(() => Promise.resolve(surprises.length > 0), 'it is told');
    const [{ pid }] = (await clone.database.query<{ pid: number }>(
      "select pid from pg_stat_activity where backend_xid is not null and datname = current_database() and state = 'idle in transaction'",
    )) as [{ pid: number }];
    await eventually(() => Promise.resolve(found.at(-1)?.pid === pid), 'it is the one');
    expect(surprises.join()).toContain(`(pid ${pid})`);
    expect(surprises.join()).toContain('test_'); // as its service calls itself

    for (let n = 0; n < 50; n++) await append(clone.database, String(n % 5));
    await log.until(100);
    expect(log.records.map(({ key }) => key)).not.toContain('t:order:forgotten');
    await clone.database.query('select pg_terminate_backend($1)', [pid]);
    await eventually(() => Promise.resolve(relay.state.cursor.gaps.length === 0), 'its ids are given up');
    expect(relay.state.rolledBack).toBe(2n);
    await eventually(() => Promise.resolve(found.at(-1) === undefined), 'nobody is named any more');
    await stop();
    void forgotten;
  });
});
