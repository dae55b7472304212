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
});
