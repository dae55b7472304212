import { expect, it } from '@jest/globals';
import { givenUp } from './gates.ts';
import { describePromise, PATIENCE_MS } from './promise.ts';
import { run } from './run.ts';
import { expectNothingWrong } from './story.ts';
import { hungKey, sickTargets, wayToTargets } from './troubles.ts';

/**
 * P2, for targets that can repeat safely or be asked: customers are upserted by our key, orders are looked for before a
 * resend, postings carry an idempotency key. Rows F43-F47, F52, F56 and F59 of the fault matrix.
 */
describePromise('P2: one effect per version in the target', {}, (world) => {
  it.each([20261124])(
    'while calls time out, come late, break, lie, and the product is killed (seed %d)',
    async (seed) => {
      const troubles = [hungKey, sickTargets(50), wayToTargets];
      const result = await run(world(), {
        seed,
        customers: 20,
        orders: 40,
        versions: 4,
        troubles,
        paceMs: 2_000,
        kills: 1,
      });
      expectNothingWrong(result);
      const { history, faultsApplied } = result;
      expect(faultsApplied).toBeGreaterThanOrEqual(12); // the faults took place
      const did = (document: string, operation: string): number =>
        history.effects.filter((each) => each.document === document && each.operation === operation).length;
      expect(did('salesOrder', 'create')).toBeGreaterThanOrEqual(30); // one in four may be withdrawn before
      expect(did('journalEntry', 'reverse')).toBeGreaterThanOrEqual(20);
      expect(givenUp(result)).toEqual([]);
    },
    PATIENCE_MS,
  );
});
