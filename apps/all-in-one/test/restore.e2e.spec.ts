import { afterEach, describe, expect, it } from '@jest/globals';
import { join } from 'node:path';
import { freePort } from '#testing';
import { baseBackup, replaceBy, startCluster } from './support/cluster.ts';
import { dataFolder, sendJson, until } from './support/product.ts';
import { ordersAccepted, settled } from './support/records.ts';
import { startRestoredWorld, untilStatus } from './support/restored.ts';
import { createdTwice, effects, type Effect } from './support/witness.ts';

const ids = (from: number, count: number): string[] => Array.from({ length: count }, (_, n) => `${from + n}`);
const created = (done: readonly Effect[]): Effect[] =>
  done.filter(({ operation, document }) => operation === 'create' && document === 'salesOrder');

describe('PostgreSQL restored to an earlier point than what the targets know', () => {
  const cleanUp: (() => Promise<unknown> | void)[] = [];
  afterEach(async () => {
    for (const undo of cleanUp.splice(0).reverse()) await undo();
  });

  it('sends nothing until somebody has looked, finds what is there already, and doubles nothing', async () => {
    const folder = dataFolder();
    cleanUp.push(() => folder.remove());
    const cluster = await startCluster(join(folder.path, 'database'), await freePort());
    cleanUp.push(() => cluster.stop());
    const world = await startRestoredWorld(cluster.url, folder.path);
    cleanUp.push(() => world.close());

    await world.send(ids(0, 5)); // delivered before the backup
    await untilStatus(world.url, (answer) => settled(answer) && ordersAccepted(answer) === 5, 'the first orders');
    await sendJson('PUT', `${world.sandbox}/faults`, [{ match: { system: 'erp' }, effect: 'down' }]);
    await world.send(ids(10, 5)); // in the backup, delivered after it
    await untilStatus(world.url, (answer) => ordersAccepted(answer) === 10, 'the second orders wait for the ERP');
    const backup = join(folder.path, 'backup');
    await baseBackup(cluster, backup);
    await sendJson('DELETE', `${world.sandbox}/faults`);
    await world.send(ids(20, 5)); // not in the backup at all
    await untilStatus(world.url, (answer) => settled(answer) && ordersAccepted(answer) === 15, 'all orders');
    const before = await effects(world.sandbox);
    expect(created(before)).toHaveLength(15);

    await world.kill();
    await cluster.crash();
    replaceBy(cluster, backup);
    await cluster.start();
    await world.start();

    expect(await world.crossdock('restore')).toMatch(/^doubted: .*older than the newest mark/);
    expect((await world.order('31')).status).toBe(503);
    const report = JSON.parse(await world.crossdock('restore', 'report', '--json')) as {
      deliveries: { findings: { key: string; verdict: string; document: string }[] };
    };
    const found = report.deliveries.findings.filter(({ verdict }) => verdict === 'found');
    expect(
      found
        .filter(({ document }) => document === 'salesOrder')
        .map(({ key }) => key)
        .sort(),
    ).toEqual(ids(10, 5).map((id) => `acme:order:acme-o${id}`));
    await world.send(ids(20, 4)); // the source repeats what was lost: it is taken in and not sent
    await world.cancel('24'); // of this one it has only the newest state to send
    await untilStatus(world.url, (answer) => ordersAccepted(answer) === 15, 'the repeats are taken in');
    expect(await effects(world.sandbox)).toHaveLength(before.length);

    await until(
      () => world.crossdock('restore', 'accept'),
      (text) => text.startsWith('accepted'),
      {
        within: 60_000,
        what: 'it is accepted',
      },
    );
    await world.send(ids(40, 3)); // life goes on
    await untilStatus(world.url, (answer) => settled(answer) && ordersAccepted(answer) === 18, 'everything settles');
    const after = await effects(world.sandbox);
    expect(createdTwice(after)).toEqual([]);
    expect(created(after)).toHaveLength(18);
    const cancelled = after.filter(({ operation }) => operation === 'cancel').map(({ key }) => key);
    expect(cancelled).toEqual(['acme:order:acme-o24']);
    expect(after.filter(({ document }) => document === 'journalEntry')).toHaveLength(18);
  }, 180_000);
});
