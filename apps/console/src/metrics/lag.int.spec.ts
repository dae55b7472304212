import { describe, expect, it } from '@jest/globals';
import { METRICS } from '#platform';
import { fixture } from '../../../delivery/test/fixture.ts';
import { becomes } from '../../../delivery/test/harness.ts';
import { recentLag } from '../status/recent-lag.ts';

/** Seconds before now that events were accepted: some in every part of the histogram. */
const AGES = [0, 0.02, 0.2, 0.7, 3, 8, 20, 45, 100, 250, 500, 1_000, 3_000, 10_000, 40_000, 80_000, 200_000];

describe('the lag that delivery observes', () => {
  const at = fixture();

  it('agrees with the lag recomputed from the tables within one bucket, and so do the percentiles of the status', async () => {
    const w = await at.running();
    const events: string[] = [];
    for (const [n, age] of AGES.entries())
      events.push(
        await w.send({
          document: 'customer',
          body: { n },
          key: `lag-${n}`,
          flow: 'lagging',
          headers: { acceptedAt: new Date(Date.now() - age * 1_000).toISOString() },
        }),
      );
    for (const event of events) await becomes(w, event, 'DELIVERED');

    const edges: readonly number[] = METRICS.syncLag.buckets;
    const rows = await at.database.query<{ lag: number }>(
      `select extract(epoch from finished_at - accepted_at)::float8 as lag from delivery where flow = 'lagging' order by lag`,
    );
    const upTo = (seconds: number): number => rows.filter(({ lag }) => lag <= seconds).length;
    await eventuallyCounted(w.metrics, AGES.length);
    const observed = bucketsOf(await w.metrics.text());
    for (const [n, edge] of edges.entries()) {
      expect([edge, observed.get(String(edge))! >= upTo(edges[n - 1] ?? 0)]).toEqual([edge, true]);
      expect([edge, observed.get(String(edge))! <= upTo(edges[n + 1] ?? Infinity)]).toEqual([edge, true]);
    }
    expect(observed.get('+Inf')).toBe(AGES.length);

    const [recent] = await recentLag(at.database);
    expect(recent!.lag[0]).toBeCloseTo(rows[(AGES.length - 1) / 2]!.lag, 3);
  });
});

/** Metrics follow the commit: a moment after the row shows the status. */
async function eventuallyCounted(metrics: { text(): Promise<string> }, count: number): Promise<void> {
  for (const until = Date.now() + 60_000; Date.now() < until;)
    if (bucketsOf(await metrics.text()).get('+Inf') === count) return;
}

function bucketsOf(text: string): Map<string, number> {
  const found = new Map<string, number>();
  for (const [, edge, value] of text.matchAll(
    /^crossdock_sync_lag_seconds_bucket\{le="([^"]+)",flow="lagging".*\} (\d+)$/gm,
  ))
    found.set(edge!, Number(value));
  return found;
}
