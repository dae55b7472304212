import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { Configuration } from '#contracts';
import { Health, Metrics, readEnvironment, schemaRoots } from '#platform';
import { clonedDatabase, eventually, type ClonedDatabase } from '#testing';
import { becomes, world } from '../test/harness.ts';
import { start } from './main.ts';
import { extendDeliveries } from './partitions.ts';

describe('the partitions of revisions and attempts', () => {
  let clone: ClonedDatabase;
  beforeEach(async () => {
    clone = await clonedDatabase();
  });
  afterEach(() => clone.close());

  const drawn = (id: bigint): Promise<unknown> => clone.database.query("select setval('delivery_id', $1)", [id]);
  /** Each delivery once for each home: one may have an attempt that was begun and never sent. */
  const rows = (): Promise<{ id: bigint; home: string }[]> =>
    clone.database.query(`
      select delivery_id as id, tableoid::regclass::text as home from revision
      union select delivery_id, tableoid::regclass::text from attempt order by id, home`);
  const strayed = async (id: bigint): Promise<void> => {
    await clone.database.query("insert into revision (delivery_id, n, body) values ($1, 1, '{}')", [id]);
    await clone.database.query(
      `insert into attempt (delivery_id, n, revision, operation, request_key, request_hash, content_hash, gave_up_at, token,
         holder, outcome, ended_at)
       values ($1, 1, 1, 'create', 'request', '\\x00', '\\x00', now(), 1, 'test', 'done', now())`,
      [id],
    );
  };

  it('are made before they are needed, with what is set on those before', async () => {
    expect(await extendDeliveries(clone.database)).toEqual([]);
    await drawn(8_999_999n);
    const made = await Promise.all([extendDeliveries(clone.database), extendDeliveries(clone.database)]);
    expect(made.flat().toSorted()).toEqual(['attempt_2', 'revision_2']);
    await strayed(5_000_001n);
    expect(await rows()).toEqual([
      { id: 5_000_001n, home: 'attempt_2' },
      { id: 5_000_001n, home: 'revision_2' },
    ]);
    const room =
      "select relname as name from pg_class where reloptions = '{fillfactor=50}' and relname ~ '^attempt_[^_]*$'";
    expect(await clone.database.query(`${room} order by 1`)).toEqual([
      { name: 'attempt_1' },
      { name: 'attempt_2' },
      { name: 'attempt_default' },
    ]);
  });

  it('begin with what strayed while nobody made any, and deliveries go on meanwhile', async () => {
    await strayed(5_000_001n);
    await strayed(12_000_000n);
    await drawn(12_000_000n);
    const w = await world(clone.database);
    const engine = w.engine();
    await engine.start();
    const send = (batch: string): Promise<string[]> =>
      Promise.all(Array.from({ length: 20 }, (_, n) => w.send({ key: `${batch}${n}` })));
    try {
      const events = await send('a');
      expect(await extendDeliveries(clone.database)).toEqual(['revision_2', 'attempt_2']);
      for (const event of [...events, ...(await send('b'))])
        expect(await becomes(w, event, 'DELIVERED')).toMatchObject({ attempts: 1 });
    } finally {
      await engine.stop();
    }
    expect(w.target.applied).toHaveLength(40);
    const homes = (await rows()).map(({ home }) => home);
    expect(homes.filter((home) => home === 'attempt_2')).toHaveLength(42);
    expect(homes.filter((home) => home === 'revision_2')).toHaveLength(42);
    expect(homes).toHaveLength(84);
  });

  it('are looked after by each process of delivery', async () => {
    await drawn(4_999_999n);
    const configuration: Configuration = {
      tenant: 'acme',
      connections: new Map(),
      flows: new Map(),
      position: () => ({ file: 'crossdock.yaml', line: 1, column: 1 }),
    };
    const environment = { ...readEnvironment({ CROSSDOCK_METRICS_PORT: '0' }), databaseUrl: clone.url };
    const app = await start({
      environment,
      configuration,
      schemaRoots: schemaRoots(environment),
      metrics: new Metrics(),
      health: new Health(),
    });
    try {
      const made = (): Promise<unknown[]> =>
        clone.database.query("select 1 from pg_class where relname in ('revision_2', 'attempt_2')");
      await eventually(async () => (await made()).length === 2, 'a partition of each');
    } finally {
      await app.close();
    }
  });
});
