import { expect, it } from '@jest/globals';
import { countAnomalies } from '#testing';
import { BROKEN_BUILDS } from './broken-builds.ts';
import { describePromise, PATIENCE_MS } from './promise.ts';
import { run } from './run.ts';

/**
 * Who judges is judged: a checker that finds nothing proves nothing. The three wrong relay recipes: apps/relay, truth.
 * Prints how long each takes, from its start to the verdict: 10 to 15 s where nothing else runs.
 */
describePromise('a product that is broken on purpose', {}, (world) => {
  it.each(BROKEN_BUILDS.map((build, n) => [build.name, n + 1, build] as const))(
    'is caught when it %s (seed %d)',
    async (name, seed, { rewrites, troubles, meanwhile, caught }) => {
      const [part] = world().parts;
      const broken = { ...world(), changes: (more: object) => world().changes({ rewrites, ...more }) };
      await part!.stop();
      const begun = performance.now();
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
      const took = `${((performance.now() - begun) / 1_000).toFixed(1)} s`;
      const found = countAnomalies(anomalies)[caught];
      process.stdout.write(`a product that ${name}: ${caught} ${found} after ${took}\n`);
      expect({ [caught]: found, took, story }).not.toMatchObject({ [caught]: 0 });
    },
    PATIENCE_MS,
  );
});
