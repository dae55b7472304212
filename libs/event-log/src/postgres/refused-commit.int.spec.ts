import { describe, expect, it } from '@jest/globals';
import { Database } from '#db';
import { clonedDatabase, eventually } from '#testing';
import { PostgresEventLog } from './postgres-event-log.ts';

describe('a log whose server was started anew', () => {
  it('commits nothing until somebody vouches for it, and then goes on where it had committed', async () => {
    const { url, database, close } = await clonedDatabase();
    const own = await Database.open({ url, name: 'event-log test' });
    const log = new PostgresEventLog({ database: own, leaseMs: 600 });
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
      const seen: string[] = [];
      const running = await log.subscribe({
        group: 'reader',
        topics: ['vouch.v1'],
        handle: async ({ records }) => {
          seen.push(...records.map(({ key }) => key));
        },
      });
      await running.ready();
      const startedAt = (when: string): Promise<unknown> =>
        database.query(`update history set mark = 1, server_started_at = ${when}`);
      await startedAt(`pg_postmaster_start_time() - interval '1 hour'`);
      await log.append([{ topic: 'vouch.v1', key: 'a', value: null, headers: {} }]);
      await eventually(
        () => Promise.resolve(seen.filter((key) => key === 'a').length >= 2),
        'it is read again and again',
      );
      expect((await log.lag('reader', ['vouch.v1'])).reduce((sum, { lag }) => sum + lag, 0n)).toBe(1n);
      await startedAt('pg_postmaster_start_time()');
      await log.append([{ topic: 'vouch.v1', key: 'b', value: null, headers: {} }]);
      await eventually(
        async () => (await log.lag('reader', ['vouch.v1'])).every(({ lag }) => lag === 0n),
        'everything is committed',
      );
      expect(seen).toContain('b');
    } finally {
      await log.close();
      await own.close();
      await close();
    }
  });
});
