import { afterEach, describe, expect, it } from '@jest/globals';
import { setTimeout as wait } from 'node:timers/promises';
import { startWithStandBy } from './support/failing-over.ts';
import { until } from './support/product.ts';
import { ordersAccepted, settled } from './support/records.ts';
import { untilStatus, type RestoredWorld } from './support/restored.ts';
import { createdTwice, effects, type Effect } from './support/witness.ts';

const ids = (from: number, count: number): string[] => Array.from({ length: count }, (_, n) => `${from + n}`);
const created = (done: readonly Effect[]): Effect[] =>
  done.filter(({ operation, document }) => operation === 'create' && document === 'salesOrder');

/** Of `crossdock restore report --json`. */
interface Report {
  reason: string;
  missing: { from: string; to: string };
  events?: unknown;
  deliveries: { counts: { failed: number }; findings: unknown[] };
}

/** Of the relay's metrics. */
async function commitsSafe({ metrics }: RestoredWorld): Promise<string | undefined> {
  const text = await (await fetch(`${metrics}/metrics`)).text();
  return /^crossdock_database_commits_safe (\d)$/m.exec(text)?.[1];
}

describe('a stand-by that takes over', () => {
  const cleanUp: (() => Promise<unknown> | void)[] = [];
  afterEach(async () => {
    for (const undo of cleanUp.splice(0).reverse()) await undo();
  });

  it('is noticed under a product that keeps running, and nothing is sent before somebody has looked, nor doubled after: without the last commits', async () => {
    const { standBy, world, failOver, accept } = await startWithStandBy(cleanUp);
    expect(await commitsSafe(world)).toBe('0');
    expect(world.output().match(/stand-bys and waits for none/g)).toHaveLength(1);
    await world.send(ids(0, 5));
    await untilStatus(world.url, (answer) => settled(answer) && ordersAccepted(answer) === 5, 'the first orders');
    await standBy.catchUp();
    await standBy.cut();
    const cutAt = Date.now();
    await world.send(ids(10, 5)); // the stand-by never hears of them
    const answeredAt = Date.now();
    await untilStatus(world.url, (answer) => settled(answer) && ordersAccepted(answer) === 10, 'the second orders');
    const before = await effects(world.sandbox);

    await failOver();
    expect((await world.order('10')).status).toBe(503);
    const { reason, missing, events, deliveries } = JSON.parse(
      await world.crossdock('restore', 'report', '--json'),
    ) as Report;
    expect(reason).toMatch(/promoted/);
    // all that was answered and is gone lies between these
    expect(Date.parse(missing.from)).toBeLessThanOrEqual(cutAt);
    expect(Date.parse(missing.to)).toBeGreaterThanOrEqual(answeredAt);
    expect(events).toBe(undefined); // the log is gone with it: the sources have to send again
    expect(deliveries.findings).toEqual([]); // what the database has was delivered
    await world.send(ids(10, 5)); // repeated by the source
    await untilStatus(world.url, (answer) => ordersAccepted(answer) === 10, 'the repeats are taken in');
    expect(await effects(world.sandbox)).toHaveLength(before.length);
    await accept();
    await untilStatus(world.url, settled, 'everything settles');
    const after = await effects(world.sandbox);
    expect(createdTwice(after)).toEqual([]);
    expect(created(after)).toHaveLength(10);
    expect(after.filter(({ document }) => document === 'journalEntry')).toHaveLength(10);
  }, 180_000);

  it('has all that was answered where it is synchronous, and what was taken in unanswered is delivered once', async () => {
    const { world, failOver, accept } = await startWithStandBy(cleanUp, { synchronous: true });
    expect(await commitsSafe(world)).toBe('1');
    expect(world.output()).not.toContain('waits for none');
    await world.send(ids(0, 5));
    await untilStatus(world.url, (answer) => settled(answer) && ordersAccepted(answer) === 5, 'the first orders');
    const answered: string[] = [];
    let over = false;
    const sending = (async () => {
      for (let n = 100; !over; n++) {
        const answer = await world.order(`${n}`).catch(() => undefined);
        if (answer?.status === 202) answered.push(`${n}`);
        else await wait(20);
      }
    })();
    await until(
      async () => answered.length,
      (count) => count >= 10,
      { within: 60_000, what: 'orders are under way' },
    );
    await failOver();
    over = true;
    await sending;
    const { reason, deliveries } = JSON.parse(await world.crossdock('restore', 'report', '--json')) as Report;
    expect(reason).toMatch(/promoted/);
    expect(deliveries.counts.failed).toBe(0);
    await accept();
    await untilStatus(
      world.url,
      (answer) => answer.capture.pending === 0 && answer.outbox.unpublished === 0,
      'what was taken in is on its way',
    );
    for (const id of answered) expect((await world.order(id)).status).toBe(200); // known: nothing has to be sent again
    await world.send(answered); // and now their customers come
    await untilStatus(
      world.url,
      (answer) => answer.flows.find(({ name }) => name === 'orders')!.finished['delivered']! >= 5 + answered.length,
      'all that was answered is delivered',
    );
    const done = await effects(world.sandbox);
    expect(createdTwice(done)).toEqual([]);
    const keys = new Set(created(done).map(({ key }) => key));
    expect(answered.filter((id) => !keys.has(`acme:order:acme-o${id}`))).toEqual([]);
  }, 240_000);
});
