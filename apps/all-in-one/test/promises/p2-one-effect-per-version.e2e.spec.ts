import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { run } from './run.ts';
import { expectNothingWrong } from './story.ts';
import { startWorld, type World } from './world.ts';

/**
 * P2, for targets that can repeat safely or be asked: customers are upserted by our key, orders are looked for before a
 * resend, postings carry an idempotency key. Rows F43-F47, F52, F53, F56 and F59 of the fault matrix.
 */
describe('P2: one effect per version in the target', () => {
  let world: World;
  beforeAll(async () => {
    world = await startWorld();
  }, 180_000);
  afterAll(async () => {
    await world?.close();
  }, 60_000);

  it.each([20261124])(
    'while calls time out, come late, break, lie, and the product is killed (seed %d)',
    async (seed) => {
      const result = await run(world, {
        seed,
        customers: 20,
        orders: 40,
        versions: 4,
        targetFaults: 50,
        paceMs: 2_000,
        wayToTargets: true,
        kills: 1,
      });
      expectNothingWrong(result);
      const { history, faultsApplied } = result;
      expect(faultsApplied).toBeGreaterThanOrEqual(12); // the faults took place
      expect(history.effects.filter(({ document }) => document === 'salesOrder').length).toBeGreaterThanOrEqual(40);
      expect(history.reports.filter(({ status }) => status === 'PARKED' || status === 'DEAD')).toEqual([]);
    },
    300_000,
  );
});
