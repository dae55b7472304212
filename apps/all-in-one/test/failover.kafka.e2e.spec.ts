import { afterEach, describe, expect, it } from '@jest/globals';
import { startWithStandBy } from './support/failing-over.ts';
import { ordersAccepted, settled } from './support/records.ts';
import { untilStatus } from './support/restored.ts';
import { createdTwice, effects, type Effect } from './support/witness.ts';

const ids = (from: number, count: number): string[] => Array.from({ length: count }, (_, n) => `${from + n}`);
const orders = (done: readonly Effect[]): string[] =>
  done
    .filter(({ document, operation }) => document === 'salesOrder' && operation === 'create')
    .map(({ key }) => key)
    .sort();

/** Of `crossdock restore report --json`. */
interface Report {
  events: { putBack: number; first: { key: string }[] };
  left: Record<string, number>;
  deliveries: { counts: Record<string, number> };
}

describe('a stand-by without the last commits takes over while Kafka has what was published of them', () => {
  const cleanUp: (() => Promise<unknown> | void)[] = [];
  afterEach(async () => {
    for (const undo of cleanUp.splice(0).reverse()) await undo();
  });

  it('under a product that keeps running nothing is lost without a word of the sources, and nothing doubled', async () => {
    const { standBy, world, failOver, accept } = await startWithStandBy(cleanUp, { kafka: true });
    await world.send(ids(0, 5));
    await untilStatus(world.url, (answer) => settled(answer) && ordersAccepted(answer) === 5, 'the first orders');
    await standBy.catchUp();
    await standBy.cut();
    await world.send(ids(10, 5)); // the stand-by never hears of them
    await untilStatus(world.url, (answer) => settled(answer) && ordersAccepted(answer) === 10, 'the second orders');
    const before = await effects(world.sandbox);

    await failOver();
    expect((await world.order('10')).status).toBe(503);
    const { events, left, deliveries } = JSON.parse(await world.crossdock('restore', 'report', '--json')) as Report;
    const lost = ids(10, 5).flatMap((id) => [`acme:customer:acme-c${id}`, `acme:order:acme-o${id}`]);
    expect(events.first.map(({ key }) => key).sort()).toEqual(lost.sort()); // what was answered and is gone
    expect(left).toEqual({});
    expect(deliveries.counts).toMatchObject({ found: 10, absent: 0, failed: 0 });
    expect(await effects(world.sandbox)).toHaveLength(before.length);
    await accept();
    for (const id of ['0', '10']) await world.change(id, 2);
    await untilStatus(world.url, (answer) => settled(answer) && ordersAccepted(answer) === 12, 'everything settles');
    const after = await effects(world.sandbox);
    expect(createdTwice(after)).toEqual([]);
    expect(orders(after)).toEqual(
      ids(0, 5)
        .concat(ids(10, 5))
        .map((id) => `acme:order:acme-o${id}`)
        .sort(),
    );
    expect(after.filter(({ document }) => document === 'journalEntry')).toHaveLength(10);
  }, 240_000);
});
