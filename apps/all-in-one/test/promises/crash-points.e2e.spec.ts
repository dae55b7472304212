import { it } from '@jest/globals';
import { crashAtEach, crashesOf } from './crash.ts';
import { describePromise, PATIENCE_MS } from './promise.ts';
import { run } from './run.ts';
import { expectNothingWrong } from './story.ts';
import { resets } from './troubles.ts';

/** The points at which most is at stake; `npm run promises` dies at all of them. */
const QUICK = ['relay.after-ack', 'mapper.after-append', 'delivery.after-attempt', 'delivery.after-answer'];

/** P1 and P2. Rows F01, F02, F20, F21, F31, F56 and F59 of the fault matrix. */
describePromise('a product that dies at named points', {}, (world) => {
  it.each([8])(
    'loses nothing and doubles nothing (seed %d)',
    async (seed) => {
      const crashes = crashesOf('postgres').filter(
        ({ point, afterMs }) => QUICK.includes(point) && afterMs === undefined,
      );
      const result = await run(world(), {
        seed,
        customers: 10,
        orders: 20,
        versions: 5,
        troubles: [resets],
        meanwhile: (running) => crashAtEach(running, crashes, seed),
      });
      expectNothingWrong(result);
    },
    PATIENCE_MS,
  );
});
