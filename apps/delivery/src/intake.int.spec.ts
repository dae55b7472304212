import { randomUUID } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { fixture } from '../test/fixture.ts';
import { recordOf } from '../test/harness.ts';

describe('taking in', () => {
  const at = fixture();

  it('puts what comes at once from several partitions into few transactions', async () => {
    const w = await at.world();
    const before = await transactions(w);
    const events = Array.from({ length: 60 }, () => randomUUID());
    const batches = events.map((event, n) => [recordOf(w.connection.name, event, { key: `k${n}` }, BigInt(n))]);
    expect(await Promise.all(batches.map((records) => w.intake.take(records)))).toEqual(events.map(() => []));
    for (const event of events) expect(await w.status(event)).toBe('PENDING');
    expect((await transactions(w)) - before).toBeLessThan(events.length / 4);
  });

  it('keeps nobody else from being taken in when one batch cannot be', async () => {
    const w = await at.world();
    const [first, bad, last] = [randomUUID(), randomUUID(), randomUUID()];
    const take = (event: string, offset: bigint): Promise<unknown> =>
      w.intake.take([{ ...recordOf(w.connection.name, event, { key: event }, 0n), offset }]);
    // the first has a transaction of its own, so that the others wait and share the next
    const ends = await Promise.allSettled([
      take(randomUUID(), 1n),
      take(first, 2n),
      take(bad, 2n ** 70n),
      take(last, 3n),
    ]);
    expect(ends.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'rejected', 'fulfilled']);
    expect([await w.status(first), await w.status(bad), await w.status(last)]).toEqual([
      'PENDING',
      undefined,
      'PENDING',
    ]);
  });

  it('counts the same document in two batches of one transaction as a repeat', async () => {
    const w = await at.world();
    const event = randomUUID();
    const take = (body: unknown): Promise<unknown> => w.intake.take([recordOf(w.connection.name, event, { body }, 1n)]);
    await Promise.all([w.intake.take([recordOf(w.connection.name, randomUUID(), {}, 0n)]), take('one'), take('two')]);
    const [known] = await w.database.query('select repeats, differing from delivery_key where event_id = $1', [event]);
    expect(known).toEqual({ repeats: 1, differing: 1 });
  });
});

/** Transactions that wrote a lane or delivery so far: each draws an id. */
async function transactions(w: { database: { query<T>(sql: string): Promise<T[]> } }): Promise<number> {
  const [row] = await w.database.query<{ now: bigint }>('select pg_current_xact_id()::text::bigint as now');
  return Number(row!.now);
}
