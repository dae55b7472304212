import { expect, it } from '@jest/globals';
import { BEYOND_SETTLE_MS, bookedLate, created, TEN_TIMES_AS_FAST, WITHIN_SETTLE_MS } from './late.ts';
import { describePromise, PATIENCE_MS } from './promise.ts';
import { expectNothingWrong } from './story.ts';

const ORDERS = 50;
const TOO_LATE = 5;

/** P2 with look-first and its limit. Row F43 of the fault matrix; `npm run promises` does it a thousand times. */
describePromise('an ERP that books an order after we gave up', TEN_TIMES_AS_FAST, (world) => {
  it(
    'has it once when the settle time covers how late',
    async () => {
      const result = await bookedLate(world(), { seed: 5, orders: ORDERS, afterMs: WITHIN_SETTLE_MS });
      expectNothingWrong(result);
      expect(result.callsSpoilt).toBe(ORDERS); // each of them was late, and none was sent again
      expect(created(result)).toBe(ORDERS);
    },
    PATIENCE_MS,
  );

  it(
    'has it twice when it books later than it declared: this is the limit, and it is found by comparing',
    async () => {
      const late = { orders: 2 * TOO_LATE, afterMs: BEYOND_SETTLE_MS, times: TOO_LATE };
      const { anomalies, story } = await bookedLate(world(), { seed: 6, ...late });
      const found = anomalies.map((each) => `${each.class} ${each.evidence}`);
      expect({ found: found.filter((each) => !/^DUP #.* creates again what #/.test(each)), story }).toMatchObject({
        found: [],
      });
      expect(found).toHaveLength(TOO_LATE); // each is named, with both documents
    },
    PATIENCE_MS,
  );
});
