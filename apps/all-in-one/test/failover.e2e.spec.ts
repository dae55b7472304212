import { afterEach, describe, expect, it } from '@jest/globals';
import { join } from 'node:path';
import { TcpProxy } from '#testing';
import { startCluster, startStandBy } from './support/cluster.ts';
import { dataFolder, freePort, until } from './support/product.ts';
import { settled } from './support/records.ts';
import { ordersAccepted, startRestoredWorld, untilStatus } from './support/restored.ts';
import { createdTwice, effects, type Effect } from './support/witness.ts';

const ids = (from: number, count: number): string[] => Array.from({ length: count }, (_, n) => `${from + n}`);
const created = (done: readonly Effect[]): Effect[] =>
  done.filter(({ operation, document }) => operation === 'create' && document === 'salesOrder');

describe('a stand-by that takes over without the last commits', () => {
  const cleanUp: (() => Promise<unknown> | void)[] = [];
  afterEach(async () => {
    for (const undo of cleanUp.splice(0).reverse()) await undo();
  });

  it('is noticed under a product that keeps running, and nothing is sent before somebody has looked, nor doubled after', async () => {
    const folder = dataFolder();
    cleanUp.push(() => folder.remove());
    const primary = await startCluster(join(folder.path, 'primary'), await freePort());
    cleanUp.push(() => primary.stop());
    const standBy = await startStandBy(primary, join(folder.path, 'stand-by'), await freePort());
    cleanUp.push(() => standBy.stop());
    const behind = { host: '127.0.0.1', port: Number(new URL(primary.url).port) };
    const proxy = await TcpProxy.open(behind);
    cleanUp.push(() => proxy.close());
    const url = new URL(primary.url);
    url.port = String(proxy.port);
    const world = await startRestoredWorld(url.href, folder.path);
    cleanUp.push(() => world.close());

    await world.send(ids(0, 5));
    await untilStatus(world.url, (answer) => settled(answer) && ordersAccepted(answer) === 5, 'the first orders');
    await standBy.catchUp();
    await standBy.cut();
    await world.send(ids(10, 5)); // the stand-by never hears of them
    await untilStatus(world.url, (answer) => settled(answer) && ordersAccepted(answer) === 10, 'the second orders');
    const before = await effects(world.sandbox);

    await primary.crash();
    await standBy.promote();
    behind.port = Number(new URL(standBy.url).port);
    proxy.reset();
    await until(
      () => world.crossdock('restore'),
      (text) => /^doubted: .*promoted/.test(text),
      {
        within: 30_000,
        what: 'the promotion is noticed',
      },
    );
    expect((await world.order('10')).status).toBe(503);
    await world.crossdock('restore', 'report');
    await world.send(ids(10, 5)); // repeated by the source
    await untilStatus(world.url, (answer) => ordersAccepted(answer) === 10, 'the repeats are taken in');
    expect(await effects(world.sandbox)).toHaveLength(before.length);
    await until(
      () => world.crossdock('restore', 'accept'),
      (text) => text.startsWith('accepted'),
      {
        within: 30_000,
        what: 'it is accepted',
      },
    );
    await untilStatus(world.url, settled, 'everything settles');
    const after = await effects(world.sandbox);
    expect(createdTwice(after)).toEqual([]);
    expect(created(after)).toHaveLength(10);
    expect(after.filter(({ document }) => document === 'journalEntry')).toHaveLength(10);
  }, 180_000);
});
