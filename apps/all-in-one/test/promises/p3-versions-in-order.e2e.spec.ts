import { expect, it } from '@jest/globals';
import { givenUp } from './gates.ts';
import { describePromise, PATIENCE_MS } from './promise.ts';
import { run } from './run.ts';
import { expectNothingWrong } from './story.ts';
import { hungKey, sickTargets } from './troubles.ts';

/**
 * P3: the CRM sends the versions of each record out of order, and what we gave up still comes late. Rows F13 and F43 of the
 * fault matrix.
 */
describePromise('P3: versions take effect in increasing order', {}, (world) => {
  it.each([31124])(
    'while they arrive shuffled and calls of both targets go wrong (seed %d)',
    async (seed) => {
      const troubles = [hungKey, sickTargets(50)];
      const result = await run(world(), {
        seed,
        customers: 20,
        orders: 20,
        versions: 8,
        shuffled: true,
        troubles,
        paceMs: 800,
      });
      expectNothingWrong(result);
      expect(result.faultsApplied).toBeGreaterThanOrEqual(12); // the faults took place
      const { effects, reports } = result.history;
      const statuses = new Set(reports.map(({ status }) => status));
      expect(statuses).toContain('SKIPPED_STALE'); // older ones did come after newer ones
      const perRecord = Map.groupBy(effects, ({ document, key }) => `${document} ${key}`);
      expect([...perRecord.values()].some((list) => list.length > 1)).toBe(true); // and versions did follow each other
      expect(givenUp(result)).toEqual([]);
    },
    PATIENCE_MS,
  );
});
