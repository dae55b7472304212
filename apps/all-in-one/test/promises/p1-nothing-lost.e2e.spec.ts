import { expect, it } from '@jest/globals';
import { givenUp } from './gates.ts';
import { describePromise, PATIENCE_MS } from './promise.ts';
import { run } from './run.ts';
import { expectNothingWrong } from './story.ts';
import { wayFromCrm } from './troubles.ts';

/**
 * P1 (and P5, P6 with it): the CRM hears some answers and some not, gives up on a few, and sends a few that are refused.
 * Rows F01, F02, F11, F20, F21 and F31 of the fault matrix, at points that the seed chooses.
 */
describePromise('P1: what was answered with 2xx reaches a final state', {}, (world) => {
  it.each([1124])(
    'while answers to the CRM get lost and the product is killed twice (seed %d)',
    async (seed) => {
      const result = await run(world(), {
        seed,
        customers: 25,
        orders: 25,
        versions: 5,
        troubles: [wayFromCrm],
        kills: 2,
      });
      expectNothingWrong(result);
      const answers = result.history.events.map(({ answer }) => answer);
      expect(new Set(answers)).toEqual(new Set(['accepted', 'refused', 'unknown'])); // all three took place
      expect(givenUp(result)).toEqual([]);
    },
    PATIENCE_MS,
  );
});
