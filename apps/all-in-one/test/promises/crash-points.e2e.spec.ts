import { expect, it } from '@jest/globals';
import { crashAtEach } from './crash.ts';
import { QUICK } from './crash-points.ts';
import { givenUp } from './gates.ts';
import { describePromise, PATIENCE_MS } from './promise.ts';
import { run } from './run.ts';
import { expectNothingWrong } from './story.ts';
import { resets } from './troubles.ts';

/** P1 and P2. Rows F01, F02, F20, F21, F31, F56 and F59 of the fault matrix; `npm run promises` dies at all points. */
describePromise('a product that dies at named points', {}, (world) => {
  it.each([8])(
    'loses nothing and doubles nothing (seed %d)',
    async (seed) => {
      const result = await run(world(), {
        seed,
        customers: 6,
        orders: 10,
        versions: 4,
        troubles: [resets],
        meanwhile: (running) =>
          crashAtEach(
            running,
            QUICK.map((point) => ({ point })),
            seed,
          ),
      });
      expectNothingWrong(result);
      expect(givenUp(result)).toEqual([]);
    },
    PATIENCE_MS,
  );
});
