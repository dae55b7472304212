import { expect, it } from '@jest/globals';
import { setTimeout as wait } from 'node:timers/promises';
import { getJson } from '../support/product.ts';
import { describePromise } from './promise.ts';
import { run } from './run.ts';
import { expectNothingWrong } from './story.ts';

/** What `npm run promises` was told; scripts/promises.mjs. */
const { seed, away } = JSON.parse(process.env['CROSSDOCK_TEST_PROMISES'] ?? '{}') as {
  seed: number;
  /** minutes */
  away: number;
};

/** P1 and P7 with a log that is gone for long: rows F24 and F27 of the fault matrix. The log in PostgreSQL goes away with all else: `restarts`. */
describePromise('Kafka that is away under traffic', { log: 'kafka', stages: true }, (world) => {
  it(
    `for ${away} minutes: all is accepted meanwhile, said to wait, and delivered once afterwards`,
    async () => {
      const { kafka, url } = world();
      const waiting: number[] = [];
      const result = await run(world(), {
        seed,
        customers: 10,
        orders: 15,
        versions: 3,
        paceMs: 3_000,
        settlesWithinMs: 60_000 + away * 60_000,
        meanwhile: async () => {
          await wait(5_000);
          await kafka!.crash();
          for (let n = 0; n < away * 12; n++) {
            await wait(5_000);
            waiting.push(
              (await getJson<{ outbox: { unpublished: number } }>(`${url}/api/v1/status`)).outbox.unpublished,
            );
          }
          await kafka!.comeBack();
          return [`Kafka away for ${away} minutes`];
        },
      });
      expectNothingWrong(result);
      expect(waiting.at(-1)).toBeGreaterThan(waiting[0]!); // nobody was sent away, and what waits is counted
      process.stdout.write(
        `Kafka away for ${away} minutes: ${result.sent} events, ${waiting.at(-1)} waited, ${result.effects} effects, ` +
          `recovered after ${(result.recoveredAfterMs / 1_000).toFixed(1)} s\n`,
      );
    },
    (10 + 3 * away) * 60_000,
  );
});
