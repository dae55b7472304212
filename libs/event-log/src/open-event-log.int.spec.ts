import { describe, expect, it } from '@jest/globals';
import { clonedDatabase, eventually, TcpProxy } from '#testing';
import { openEventLog } from './open-event-log.ts';

describe('the event log with a pool of its own', () => {
  it('goes on when the host of its database was lost without a word', async () => {
    const clone = await clonedDatabase();
    const { proxy, url } = await TcpProxy.before(clone.url);
    const log = await openEventLog({ databaseUrl: url });
    const sizes = { partitions: 2, retentionMs: 3_600_000, maxMessageBytes: 10_000 };
    await log.ensureTopics([{ name: 'lost.v1', writer: 'relay', key: '', value: '', ...sizes }]);
    const handled = new Set<string>();
    const running = await log.subscribe({
      group: 'lost',
      topics: ['lost.v1'],
      handle: async ({ records }) => {
        for (const { key } of records) handled.add(key);
      },
    });
    const record = (key: string) => ({ topic: 'lost.v1', key, value: null, headers: {} });
    await running.ready();
    await log.append([record('before')]);
    // what is asked now is never answered, and nothing says so; new connections reach the server
    proxy.toServer = { swallow: true };
    const unanswered = log.append([record('lost')]);
    unanswered.catch(() => {}); // it is looked at below
    await new Promise((resolve) => setTimeout(resolve, 1_000)); // each of its connections has asked something
    proxy.heal();
    await expect(unanswered).rejects.toMatchObject({ retryable: true });
    await log.append([record('after')]);
    await eventually(async () => handled.has('after'), 'it is read on');
    await running.stop();
    await log.close();
    await proxy.close();
    await clone.close();
  }, 120_000);
});
