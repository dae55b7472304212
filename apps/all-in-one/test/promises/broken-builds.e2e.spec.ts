import { expect, it } from '@jest/globals';
import { countAnomalies } from '#testing';
import { BROKEN_BUILDS } from './broken-builds.ts';
import { describePromise, PATIENCE_MS } from './promise.ts';
import { run } from './run.ts';

/**
 * Who judges is judged: a checker that finds nothing proves nothing. The three wrong relay recipes: apps/relay, truth.
 * Each takes 10 to 15 s, three restarts of the product included, where nothing else runs.
 */
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
    PATIENCE_MS,
  );
});
