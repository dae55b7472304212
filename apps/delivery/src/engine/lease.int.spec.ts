import { describe, expect, it } from '@jest/globals';
import { fixture } from '../../test/fixture.ts';
import { ENSURE_CONNECTION } from '../sql/connection.ts';
import { ResultWriter } from './results.ts';
import { rowFor } from './settle-row.ts';
import { Store, type ToSettle } from './store.ts';

describe('a lease', () => {
  const at = fixture();

  it('that is renewed after its lane was given back puts nothing off that came meanwhile', async () => {
    const w = await at.world();
    const { database, schemas, registry } = w;
    const store = new Store({ database, results: new ResultWriter(schemas, registry), holder: 'me', leaseMs: 60_000 });
    await database.query(ENSURE_CONNECTION, [w.connection.name, 1, null]);
    await w.send({ document: 'payment', key: 'k' });
    const [claimed] = (await store.claim(w.connection.name, 1, false, false)).lanes;
    expect(await store.renew([claimed!])).toEqual(new Set([claimed!.id]));
    await store.release([{ ...claimed!, dueMs: null }]);
    await w.send({ document: 'payment', key: 'k', version: 2 });
    expect(await store.renew([claimed!])).toEqual(new Set());
    await store.release([{ ...claimed!, dueMs: 60_000 }]);
    expect(await store.nextDue(w.connection.name)).toBe(0);
    expect((await store.claim(w.connection.name, 1, false, false)).lanes).toHaveLength(1);
  });

  it('that is over and was taken anew by the same process records what the later claim found, both in one transaction', async () => {
    const w = await at.world();
    const { database, schemas, registry } = w;
    const store = new Store({ database, results: new ResultWriter(schemas, registry), holder: 'me', leaseMs: 60_000 });
    await database.query(ENSURE_CONNECTION, [w.connection.name, 1, null]);
    const event = await w.send({ document: 'payment', key: 'k' });
    const found = async (review: string): Promise<ToSettle> => {
      const { lanes } = await store.claim(w.connection.name, 1, false, false);
      const [loaded] = await store.load(lanes, w.connection.name, []);
      const { lane, open } = loaded!;
      return { lane, nature: 'state', row: rowFor(lane, open[0]!, 'HELD_REVIEW', { review }) };
    };
    const earlier = await found('earlier');
    await database.query('update lane set until = now(), due_at = now() where connection = $1', [w.connection.name]);
    const later = await found('later');
    expect(later.lane).toMatchObject({ id: earlier.lane.id, token: earlier.lane.token + 1n });
    expect((await store.settle([earlier, later])).recorded).toEqual(new Set([later]));
    expect(await w.row(event)).toMatchObject({ status: 'HELD_REVIEW', review: 'later' });
    expect((await store.settle([earlier])).recorded).toEqual(new Set());
  });

  it('is asked for and answered with when the next lane is due, in one statement', async () => {
    const w = await at.world();
    const { database, schemas, registry } = w;
    const store = new Store({ database, results: new ResultWriter(schemas, registry), holder: 'me', leaseMs: 60_000 });
    const claim = (most: number) => store.claim(w.connection.name, most, false, false);
    await database.query(ENSURE_CONNECTION, [w.connection.name, 1, null]);
    expect(await claim(5)).toEqual({ lanes: [], nextMs: undefined });
    for (const key of ['now', 'too', 'later']) await w.send({ document: 'payment', key });
    await database.query(
      "update lane set due_at = now() + interval '30 seconds' where connection = $1 and key like '%later'",
      [w.connection.name],
    );
    const one = await claim(1);
    expect([one.lanes.length, one.nextMs]).toEqual([1, undefined]); // it may go on at once
    const rest = await claim(5);
    expect(rest.lanes).toHaveLength(1);
    expect(rest.nextMs).toBeGreaterThan(15_000);
    expect(rest.nextMs).toBeLessThanOrEqual(30_000);
  });
});
