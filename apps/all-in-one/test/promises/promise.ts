import { afterAll, beforeAll, describe } from '@jest/globals';
import { startWorld, type World, type WorldOptions } from './world.ts';

/** The tests of one promise, in a world of their own that is there when they run. */
export function describePromise(name: string, options: WorldOptions, tests: (world: () => World) => void): void {
  describe(name, () => {
    let world: World | undefined;
    beforeAll(async () => {
      world = await startWorld(options);
    }, 240_000);
    afterAll(async () => {
      await world?.close();
    }, 60_000);
    tests(() => world!);
  });
}

/** Long enough for the slowest machine that runs them; what is slow is seen in the report, not by a timeout. */
export const PATIENCE_MS = 300_000;
