import { describe, expect, it } from '@jest/globals';
import { fixture } from '../../test/fixture.ts';
import { ENSURE_CONNECTION } from '../sql/connection.ts';
import { ResultWriter } from './results.ts';
import { Store } from './store.ts';

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
});
