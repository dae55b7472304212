import { afterEach, describe, expect, it } from '@jest/globals';
import { spawnSync } from 'node:child_process';
import { mkdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from '#testing';
import { startCluster } from '../support/cluster.ts';
import { dataFolder, until } from '../support/product.ts';
import { settled, status } from '../support/records.ts';
import { startRestoredWorld, untilStatus } from '../support/restored.ts';
import { createdTwice, effects } from '../support/witness.ts';
import { notTested } from './table.ts';

const MIB = 2 ** 20;

/**
 * Row F10 of the fault matrix. The data folder of PostgreSQL lies on a file system of its own, which is then filled: where
 * nobody may mount one, a line of the table says so and nothing is tested.
 */
describe('a full disk under PostgreSQL', () => {
  const cleanUp: (() => Promise<unknown> | unknown)[] = [];
  afterEach(async () => {
    for (const undo of cleanUp.splice(0).reverse()) await undo();
  });

  it('is answered 503, and when there is room again everything goes on by itself', async () => {
    const folder = dataFolder();
    cleanUp.push(() => folder.remove());
    const disk = join(folder.path, 'database');
    mkdirSync(disk);
    const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=700m,mode=755', 'tmpfs', disk], {
      encoding: 'utf8',
    });
    if (mounted.status !== 0) {
      const why = mounted.stderr?.trim() || 'there is no mount here';
      process.stdout.write(`${notTested('disk full, PostgreSQL', 'F10', why)}\n`);
      return;
    }
    cleanUp.push(() => spawnSync('umount', ['-l', disk]));
    const cluster = await startCluster(disk, await freePort());
    cleanUp.push(() => cluster.stop());
    const world = await startRestoredWorld(cluster.url, folder.path);
    cleanUp.push(() => world.close());
    await world.send(['0', '1', '2']);
    await untilStatus(world.url, settled, 'the first orders');

    const filler = join(disk, 'filler');
    const { bavail, bsize } = statfsSync(disk);
    writeFileSync(filler, Buffer.alloc(bavail * bsize - MIB));
    const answers = new Set<number>();
    const taken: string[] = [];
    await until(
      async () => {
        const id = `${10 + answers.size + taken.length}x${Math.round(performance.now())}`;
        const { status: code } = await world.order(id);
        answers.add(code);
        if (code === 202) taken.push(id);
        return code;
      },
      (code) => code === 503,
      { within: 120_000, what: 'the disk is full' },
    );
    expect([...answers].filter((code) => ![200, 202, 503].includes(code))).toEqual([]);
    rmSync(filler);
    await until(
      () => world.order('after'),
      (answer) => answer.status === 202 || answer.status === 200,
      { within: 60_000, what: 'events are taken again' },
    );
    // the orders wait for customers that nobody has sent: all of them are there
    await until(
      () => status(world.url),
      (answer) =>
        answer.capture.pending === 0 &&
        answer.outbox.unpublished === 0 &&
        answer.flows.every(({ difference }) => difference === 0) &&
        answer.flows.find(({ name }) => name === 'orders')!.accepted >= 3 + taken.length + 1,
      { within: 60_000, what: 'what was answered 202 is there' },
    );
    expect(createdTwice(await effects(world.sandbox))).toEqual([]);
  }, 300_000);
});
