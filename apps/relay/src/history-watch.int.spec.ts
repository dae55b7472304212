import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { acceptHistory, readHistory, reportHistory, type Mark } from '#db';
import { PostgresEventLog } from '#event-log';
import { clonedDatabase, eventually, type ClonedDatabase } from '#testing';
import { HistoryWatch } from './history-watch.ts';
import { fileWitness, HISTORY_TOPIC, logWitness, type Witness } from './witness.ts';

describe('the watch over the history of the database', () => {
  let clone: ClonedDatabase;
  let data: string;
  let surprises: string[];
  let watches: HistoryWatch[];
  beforeEach(async () => {
    clone = await clonedDatabase();
    data = mkdtempSync(join(tmpdir(), 'crossdock-history-'));
    surprises = [];
    watches = [];
  });
  afterEach(async () => {
    await Promise.all(watches.map((watch) => watch.stop()));
    await clone.close();
    rmSync(data, { recursive: true, force: true });
  });

  const watch = (...witnesses: Witness[]): HistoryWatch => {
    const surprised = (message: string): void => void surprises.push(message);
    const made = new HistoryWatch({ database: clone.database, witnesses, everyMs: 20, surprised });
    watches.push(made);
    return made;
  };
  const mark = async (): Promise<bigint> => (await readHistory(clone.database)).mark;
  const older = (): Promise<unknown> => clone.database.query('update history set mark = mark - 1');

  it('marks again and again, and a restart goes on where the file says', async () => {
    const first = watch(fileWitness(data));
    await first.start();
    await eventually(async () => (await mark()) > 2n, 'marks');
    await first.stop();
    const next = watch(fileWitness(data));
    await next.start();
    expect(next.doubted).toBe(false);
    expect(surprises).toEqual([]);
  });

  it('doubts a database that is older than the file says, says so once, and goes on when it is accepted', async () => {
    await watch(fileWitness(data)).look();
    await watch(fileWitness(data)).look();
    await older();
    const next = watch(fileWitness(data));
    await next.start();
    expect(next.doubted).toBe(true);
    await eventually(() => Promise.resolve(surprises.length === 1), 'one line');
    expect(surprises[0]).toMatch(/older than the newest mark.*crossdock restore report/);
    await reportHistory(clone.database, {});
    await clone.database.query("update history set doubted_at = doubted_at - interval '11 s'");
    await acceptHistory(clone.database, 30);
    await eventually(() => Promise.resolve(next.doubted === false), 'it is trusted again');
    expect(await watchAgain()).toBe(false);
  });

  it('remembers by itself what it saw, where no file is kept', async () => {
    const only = watch();
    await only.look();
    await only.look();
    await older();
    await only.look();
    expect(only.doubted).toBe(true);
  });

  it('knows from the event log that there was another database, and settles it with the acceptance', async () => {
    const log = new PostgresEventLog({ database: clone.database });
    await log.ensureTopics([HISTORY_TOPIC]);
    const before: Mark = { id: crypto.randomUUID(), generation: 3, mark: 7n, at: new Date() };
    await logWitness(log).write({ ...before, mark: 6n });
    await logWitness(log).write(before);
    const next = watch(logWitness(log));
    await next.look();
    expect(next.doubted).toBe(true);
    await reportHistory(clone.database, {});
    await clone.database.query("update history set doubted_at = doubted_at - interval '11 s'");
    expect(await acceptHistory(clone.database, 30)).toBe(4);
    await next.look();
    await next.look();
    expect(next.doubted).toBe(false);
    const restarted = watch(logWitness(log));
    await restarted.look();
    expect(restarted.doubted).toBe(false);
    await log.close();
  });

  it('goes on without a witness that fails, and says so once', async () => {
    const broken: Witness = {
      newest: () => Promise.resolve(undefined),
      write: () => Promise.reject(new Error('read-only file system')),
    };
    const watching = watch(broken);
    await watching.look();
    await watching.look();
    expect(watching.doubted).toBe(false);
    expect(surprises).toEqual(['a witness of the database cannot be used']);
  });

  const watchAgain = async (): Promise<boolean | undefined> => {
    const again = watch(fileWitness(data));
    await again.look();
    return again.doubted;
  };
});
