import { describe, expect, it } from '@jest/globals';
import type { LogBatch, LogProblem } from '#contracts';
import { Database } from '#db';
import { clonedDatabase, eventually } from '#testing';
import { PostgresEventLog } from './postgres-event-log.ts';

describe('a log whose server was started anew', () => {
  it('is not read again and again until somebody vouches for it, and then goes on where it had committed', async () => {
    const { url, database, close } = await clonedDatabase();
    const own = await Database.open({ url, name: 'event-log test' });
    const leaseMs = 300;
    const log = new PostgresEventLog({ database: own, leaseMs });
    const startedAt = (when: string): Promise<unknown> =>
      database.query(`update history set mark = 1, server_started_at = ${when}`);
    const record = (key: string) => ({ topic: 'vouch.v1', key, value: null, headers: {} });
    const lag = async (): Promise<bigint> =>
      (await log.lag('reader', ['vouch.v1'])).reduce((sum, partition) => sum + partition.lag, 0n);
    try {
      await log.ensureTopics([
        {
          name: 'vouch.v1',
          partitions: 2,
          retentionMs: 3_600_000,
          maxMessageBytes: 10_000,
          writer: 'relay',
          key: '',
          value: '',
        },
      ]);
      const calls = [0, 0];
      const problems: string[] = [];
      const subscription = {
        group: 'reader',
        topics: ['vouch.v1'],
        handle: async ({ partition }: LogBatch) => void calls[partition]!++,
        onProblem: ({ message }: LogProblem) => void problems.push(message),
      };
      const first = await log.subscribe(subscription);
      await first.ready();
      await startedAt(`pg_postmaster_start_time() - interval '1 hour'`);
      await log.append(['a', 'b', 'c', 'd', 'e', 'f'].map(record));
      await eventually(async () => calls.every((times) => times > 0), 'who has a partition finds out');
      const balances = performance.now() + 6 * leaseMs;
      await eventually(async () => performance.now() > balances, 'it balances many times');
      expect(calls).toEqual([1, 1]);
      await eventually(async () => problems.length > 0, 'it is told that nothing is read');
      expect(problems).toEqual([expect.stringMatching(/no relay has vouched/)]);
      await first.stop();
      // who comes only now has nothing at all
      const second = await log.subscribe(subscription);
      await second.ready();
      const later = performance.now() + 3 * leaseMs;
      await eventually(async () => performance.now() > later, 'it balances, too');
      expect(calls).toEqual([1, 1]);
      expect(await lag()).toBe(6n);
      await startedAt('pg_postmaster_start_time()');
      await eventually(async () => (await lag()) === 0n, 'everything is committed');
      expect(calls).toEqual([2, 2]);
    } finally {
      await log.close();
      await own.close();
      await close();
    }
  });
});
