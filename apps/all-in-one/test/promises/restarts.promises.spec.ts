import { expect, it } from '@jest/globals';
import { setTimeout as wait } from 'node:timers/promises';
import { until } from '../support/product.ts';
import { givenUp } from './gates.ts';
import { describePromise } from './promise.ts';
import { run } from './run.ts';
import { expectNothingWrong } from './story.ts';

/** What `npm run promises` was told; scripts/promises.mjs. */
const { seed, log, stages } = JSON.parse(process.env['CROSSDOCK_TEST_PROMISES'] ?? '{}') as {
  seed: number;
  log: 'postgres' | 'kafka';
  stages: boolean;
};

const CRASHES = 20;
const WITHIN_MS = 300_000;
/** From one crash to the next; the rest is for the last to come back. */
const EVERY_MS = 13_000;
const AWAY_MS = 1_000;

/** P1, P2 and P7: row F07 of the fault matrix, as often and as fast as it says. */
describePromise('PostgreSQL that crashes again and again', { log, stages }, (world) => {
  it(
    `${CRASHES} times in five minutes under traffic: all is delivered once, and nothing has to be started again`,
    async () => {
      let took = 0;
      let longest = 0;
      const result = await run(world(), {
        seed,
        customers: 10,
        orders: 15,
        versions: 4,
        paceMs: 3_000,
        meanwhile: async ({ postgres, url }) => {
          const begun = performance.now();
          for (let n = 0; n < CRASHES; n++) {
            await wait(Math.max(0, begun + n * EVERY_MS - performance.now()));
            await postgres.crash();
            await wait(AWAY_MS);
            await postgres.comeBack();
            const back = performance.now();
            await until(
              () => fetch(`${url}/api/v1/status`),
              ({ status }) => status === 200,
              { within: 60_000, what: 'the console has its database again' },
            );
            longest = Math.max(longest, performance.now() - back);
          }
          took = performance.now() - begun;
          return [`PostgreSQL crashed ${CRASHES} times`];
        },
      });
      process.stdout.write(
        `PostgreSQL crashed ${CRASHES} times in ${seconds(took)}, answers again after ${seconds(longest)} at most: ` +
          `${result.sent} events, ${result.effects} effects, recovered after ${seconds(result.recoveredAfterMs)}\n`,
      );
      expectNothingWrong(result);
      expect(givenUp(result)).toEqual([]);
      expect(took).toBeLessThan(WITHIN_MS);
    },
    4 * WITHIN_MS,
  );
});

const seconds = (ms: number): string => `${(ms / 1_000).toFixed(1)} s`;
