import type { AnomalyClass, Rewrite } from '#testing';
import { timeoutAfterApply, type Trouble } from './troubles.ts';
import type { RunOptions } from './run.ts';
import { crashAtEach } from './crash.ts';

/**
 * Between drawing the outbox id and COMMIT passes a moment, another one each time: ids become visible out of order. Right
 * builds do not mind.
 */
export const SLOW_COMMITS: Rewrite = {
  file: 'apps/capture/src/normalise-batch.js',
  find: '// crashpoint normaliser.after-append\n',
  replace: 'await new Promise((resolve) => setTimeout(resolve, Math.random() * 60));\n',
};

export interface BrokenBuild {
  name: string;
  rewrites: readonly Rewrite[];
  /** what has to go wrong for it to show */
  troubles: readonly Trouble[];
  meanwhile?: RunOptions['meanwhile'];
  /** what the checker has to call it, at least */
  caught: AnomalyClass;
}

/** Products as one builds them who has not thought of it. */
export const BROKEN_BUILDS: readonly BrokenBuild[] = [
  {
    name: 'sends again whatever was not answered',
    rewrites: [
      {
        file: 'apps/delivery/src/core/resolver.js',
        find: "if (word === 'by-external-id')",
        replace: "if (word !== 'never')",
      },
    ],
    troubles: [timeoutAfterApply],
    caught: 'DUP',
  },
  {
    name: 'takes in whatever the log brings, also again',
    rewrites: [
      {
        file: 'apps/delivery/src/sql/intake.js',
        find: 'select event_id, flow, id, decode(body_hash',
        replace: 'select gen_random_uuid(), flow, id, decode(body_hash',
      },
    ],
    troubles: [],
    meanwhile: async (world) => {
      const [part] = world.parts;
      const did = await crashAtEach(world, [{ point: 'relay.after-ack', nth: 1 }], 1);
      return [...did, `and ${part!.name} came back`];
    },
    caught: 'LIE',
  },
  {
    name: 'reads the outbox by id > last',
    rewrites: [
      SLOW_COMMITS,
      {
        file: 'apps/relay/src/leader.js',
        find: '= advance(cursor, snapshot);',
        replace: '= { cursor: { high: snapshot.rows.at(-1)?.id ?? cursor.high, gaps: [] }, dropped: [] };',
      },
    ],
    troubles: [],
    caught: 'LOST',
  },
];
