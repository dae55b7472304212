import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { clonedDatabase, type ClonedDatabase } from '#testing';
import type { Engine } from './engine/engine.ts';
import { becomes, world } from '../test/harness.ts';

describe('delivery', () => {
  let db: ClonedDatabase;
  const engines: Engine[] = [];
  const started = async (engine: Engine): Promise<Engine> => {
    engines.push(engine);
    await engine.start();
    return engine;
  };
  beforeAll(async () => {
    db = await clonedDatabase();
  });
  afterEach(async () => {
    await Promise.all(engines.splice(0).map((engine) => engine.stop(1_000)));
  });
  afterAll(() => db.close());

  it('sends what was taken in, records the id and writes one result', async () => {
    const w = await world(db.database);
    await started(w.engine());
    const event = await w.send({ document: 'customer', body: { name: 'Ada' } });
    const row = await becomes(w, event, 'DELIVERED');
    expect(row).toMatchObject({ attempts: 1, target_id: 'T1' });
    expect(w.target.applied).toHaveLength(1);
    expect(w.target.applied[0]!.body).toBe('{"name":"Ada"}');
    const results = await db.database.query('select * from outbox where topic = $1', ['sync.result.v1']);
    expect(results).toHaveLength(1);
    const xref = await db.database.query('select * from xref where connection = $1', [w.connection.name]);
    expect(xref).toMatchObject([{ document: 'customer', key: 't:e:r1', target_id: 'T1' }]);
  });
});
