import type { AnomalyClass, Rewrite } from '#testing';
import type { Trouble } from './trouble.ts';
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
    troubles: [
      {
        name: 'orders booked, never answered',
        rows: 'F43',
        plan: () => [
          { match: { path: '^/sales-orders$', method: 'POST' }, times: 5, effect: 'apply-and-never-answer' },
        ],
      },
    ],
    caught: 'DUP',
  },
  {
    name: 'posts what changed and takes nothing back',
    rewrites: [
      {
        file: 'apps/delivery/src/core/plan.js',
        find: 'return reverse(given);',
        replace: "return { do: 'send', request: frozen(delivery, 'create', null, resolved, last) };",
      },
    ],
    troubles: [],
    caught: 'DUP',
  },
  {
    name: 'takes in whatever the log brings, also again',
    rewrites: [
      {
        file: 'apps/delivery/src/intake.js',
        find: 'const unique = firstOfEach(rows);',
        replace: 'const unique = rows;',
      },
      {
        file: 'apps/delivery/src/sql/intake.js',
        find: 'select event_id, flow, id, decode(body_hash',
        replace: 'select gen_random_uuid(), flow, id, decode(body_hash',
      },
    ],
    troubles: [],
    meanwhile: (world) => crashAtEach(world, [{ point: 'mapper.after-append', nth: 1 }], 1),
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
  {
    name: 'gives each of several references the id of its neighbour',
    rewrites: [
      {
        file: 'apps/delivery/src/engine/dependencies.js',
        find: 'const id = ids[at];',
        replace: 'const id = ids.at(at - 1);',
      },
    ],
    troubles: [],
    caught: 'TORN',
  },
];
