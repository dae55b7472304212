import { describe, expect, it } from '@jest/globals';
import { Metrics } from './metrics.ts';

const samples = (text: string): string[] => text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));

describe('what /metrics shows', () => {
  it('shows no gauge that this process has not set: a 0 of a mapper would say that the database is doubted', async () => {
    const metrics = new Metrics();
    expect(samples(await metrics.text()).filter((line) => !line.includes('_total'))).toEqual([]);
    metrics.set('databaseTrusted', {}, 1);
    metrics.set('relayShards', {}, 0);
    expect(samples(await metrics.text())).toEqual(
      expect.arrayContaining(['crossdock_database_trusted 1', 'crossdock_relay_shards 0']),
    );
  });

  it('answers while a collector hangs, asks it once, and shows what it set when it is done', async () => {
    const metrics = new Metrics({ patienceMs: 20 });
    const hangs = Promise.withResolvers<void>();
    let asked = 0;
    metrics.onScrape(async () => {
      asked++;
      await hangs.promise;
      metrics.set('relayGaps', {}, 7);
    });
    metrics.onScrape(async () => metrics.set('relayShards', {}, asked));
    expect(await metrics.text()).toMatch(/^crossdock_relay_shards 1$/m);
    expect(await metrics.text()).not.toMatch(/^crossdock_relay_gaps /m);
    expect(asked).toBe(1);
    hangs.resolve();
    expect(await metrics.text()).toMatch(/^crossdock_relay_gaps 7$/m);
    await metrics.text();
    expect(asked).toBe(2);
  });
});
