import { expect, it } from '@jest/globals';
import { countAnomalies } from '#testing';
import { BROKEN_BUILDS } from './broken-builds.ts';
import { describePromise } from './promise.ts';
import { run } from './run.ts';

/** Each is caught in under a minute, the product's own restarts included. */
const CAUGHT_WITHIN_MS = 60_000;

/** Who judges is judged: a checker that finds nothing proves nothing. The three wrong relay recipes: apps/relay, truth. */
describePromise('a product that is broken on purpose', {}, (world) => {
  it.each(BROKEN_BUILDS.map((build, n) => [build.name, n + 1, build] as const))(
    'is caught when it %s (seed %d)',
    async (_, seed, { rewrites, troubles, meanwhile, caught }) => {
      const [part] = world().parts;
      const broken = { ...world(), changes: (more: object) => world().changes({ rewrites, ...more }) };
      await part!.stop();
      await part!.start(broken.changes({}));
      const { anomalies, story } = await run(broken, {
        seed,
        customers: 20,
        orders: 20,
        versions: 4,
        troubles,
        settlesWithinMs: 8_000,
        ...(meanwhile && { meanwhile: () => meanwhile(broken) }),
      });
      expect({ [caught]: countAnomalies(anomalies)[caught], story }).not.toMatchObject({ [caught]: 0 });
    },
    CAUGHT_WITHIN_MS,
  );
});
