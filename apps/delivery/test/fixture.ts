import { afterAll, afterEach, beforeAll } from '@jest/globals';
import type { Connection } from '#contracts';
import { clonedDatabase, type ClonedDatabase } from '#testing';
import type { Engine, EngineOptions } from '../src/engine/engine.ts';
import { world, type World } from './harness.ts';

/** A database for the file, and engines that are stopped after each test. */
export function fixture() {
  let db: ClonedDatabase;
  const engines: Engine[] = [];
  beforeAll(async () => {
    db = await clonedDatabase();
  });
  afterEach(async () => {
    await Promise.all(engines.splice(0).map((engine) => engine.stop(6_000)));
  });
  afterAll(() => db.close());
  const run = async (w: World, options: Partial<EngineOptions> = {}): Promise<Engine> => {
    const engine = w.engine(options);
    engines.push(engine);
    await engine.start();
    return engine;
  };
  return {
    get database() {
      return db.database;
    },
    get url() {
      return db.url;
    },
    run,
    world: (changes: Partial<Connection> = {}, options: { probe?: boolean } = {}): Promise<World> =>
      world(db.database, changes, options),
    /** a world with one engine running */
    async running(changes: Partial<Connection> = {}, options: { probe?: boolean } = {}): Promise<World> {
      const w = await world(db.database, changes, options);
      await run(w);
      return w;
    },
  };
}

export const attemptsOf = (w: World, event: string): Promise<Record<string, unknown>[]> =>
  w.database.query(
    `select a.*, case when a.body_of_revision then r.body else a.body end as body
       from attempt a join delivery d on d.id = a.delivery_id left join revision r on r.delivery_id = a.delivery_id and r.n = a.revision
      where d.event_id = $1 order by a.n`,
    [event],
  );
