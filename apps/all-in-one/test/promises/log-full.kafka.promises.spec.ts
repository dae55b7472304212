import { afterEach, describe, expect, it } from '@jest/globals';
import { spawnSync } from 'node:child_process';
import { appendFileSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { dataFolder, getJson } from '../support/product.ts';
import { run } from './run.ts';
import { expectNothingWrong } from './story.ts';
import { notTested } from './table.ts';
import { startWorld } from './world.ts';

/** What `npm run promises` was told; scripts/promises.mjs. */
const { seed } = JSON.parse(process.env['CROSSDOCK_TEST_PROMISES'] ?? '{"seed":1}') as { seed: number };

/**
 * P1 and P7. Row F65 of the fault matrix: Kafka's data lie on a file system of their own, which is then filled. Where nobody may mount
 * one, a line of the table says so and nothing is tested.
 */
describe('a full disk under Kafka', () => {
  const cleanUp: (() => Promise<unknown> | unknown)[] = [];
  afterEach(async () => {
    for (const undo of cleanUp.splice(0).reverse()) await undo();
  });

  it('lets events wait in the outbox, and when there is room and the broker is back all of them arrive once', async () => {
    const folder = dataFolder();
    cleanUp.push(() => folder.remove());
    const disk = join(folder.path, 'kafka');
    mkdirSync(disk);
    const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=1500m,mode=755', 'tmpfs', disk], {
      encoding: 'utf8',
    });
    if (mounted.status !== 0) {
      const why = mounted.stderr?.trim() || 'there is no mount here';
      process.stdout.write(`${notTested('disk full, Kafka', 'F65', why)}\n`);
      return;
    }
    cleanUp.push(() => spawnSync('umount', ['-l', disk]));
    const world = await startWorld({ log: 'kafka', kafkaData: disk });
    cleanUp.push(() => world.close());
    const unpublished = async (): Promise<number> =>
      (await getJson<{ outbox: { unpublished: number } }>(`${world.url}/api/v1/status`)).outbox.unpublished;

    let waited = 0;
    const result = await run(world, {
      seed,
      customers: 10,
      orders: 15,
      versions: 4,
      paceMs: 3_000,
      settlesWithinMs: 180_000,
      meanwhile: async () => {
        const filler = join(disk, 'filler');
        fill(filler);
        for (const end = performance.now() + 60_000; performance.now() < end && waited < 20; await wait(500))
          waited = Math.max(waited, await unpublished());
        rmSync(filler);
        await world.kafka!.crash(); // it gives its folder up when it cannot write; whoever runs it starts it again
        await world.kafka!.comeBack();
        return [`Kafka's disk full, ${waited} events waited`];
      },
    });
    expectNothingWrong(result);
    expect(waited).toBeGreaterThanOrEqual(20); // it was full for real
  }, 600_000);
});

/** To the last kilobyte: the broker writes meanwhile, so that nobody knows beforehand how much there is. */
function fill(file: string): void {
  for (const size of [2 ** 24, 2 ** 16, 2 ** 10])
    for (;;)
      try {
        appendFileSync(file, Buffer.alloc(size));
      } catch {
        break;
      }
}
