import { expect, it } from '@jest/globals';
import { crashPoints } from '#testing';
import { until } from '../support/product.ts';
import { describePromise, PATIENCE_MS } from './promise.ts';
import { run } from './run.ts';
import { expectNothingWrong } from './story.ts';
import type { World } from './world.ts';

/** What `npm run promises` was told; scripts/promises.mjs. */
const { seed } = JSON.parse(process.env['CROSSDOCK_TEST_PROMISES'] ?? '{"seed":1}') as { seed: number };

/** Each passing of the point keeps 16 MiB for good: the heap of the process is full after some. */
const LEAKS = [
  { stage: 'capture', point: 'capture.before-commit' },
  { stage: 'mapper', point: 'mapper.before-append' },
  { stage: 'delivery', point: 'delivery.before-settle' },
] as const;
const KEEP = '(globalThis.kept ??= []).push(new Array(2_000_000).fill(globalThis.kept.length));\n';
const HEAP_MIB = 160;

/** P1, P2 and P7 where a stage's memory runs out: row F64 of the fault matrix. */
describePromise('a process whose memory runs out', { stages: true }, (world) => {
  it(
    'dies of it in the middle of its work, is started again, and nothing is lost or doubled',
    async () => {
      const result = await run(world(), {
        seed,
        customers: 10,
        orders: 20,
        versions: 5,
        paceMs: 800,
        meanwhile: async (running) => {
          const did: string[] = [];
          for (const { stage, point } of LEAKS) did.push(await exhaust(running, stage, point));
          return did;
        },
      });
      expectNothingWrong(result);
    },
    2 * PATIENCE_MS,
  );
});

async function exhaust(world: World, stage: string, point: string): Promise<string> {
  const part = world.parts.find(({ name }) => name === stage)!;
  const file = crashPoints().get(point)!;
  const { NODE_OPTIONS } = world.changes({ rewrites: [{ file, find: `// crashpoint ${point}\n`, replace: KEEP }] });
  await part.kill();
  part.startToDie({ NODE_OPTIONS: `${NODE_OPTIONS} --max-old-space-size=${HEAP_MIB}` });
  await until(
    async () => part.ended,
    (ended) => ended,
    { within: 120_000, what: `${stage} dies of its memory` },
  );
  expect(part.output).toMatch(/heap out of memory/);
  await part.start(world.changes({}));
  return `${stage} out of memory at ${point}`;
}
