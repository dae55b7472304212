import { randomBytes, randomUUID } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { fixture } from '../test/fixture.ts';
import { recordOf } from '../test/harness.ts';

describe('taking in', () => {
  const at = fixture();

  it('puts what comes at once from several partitions into few transactions', async () => {
    const w = await at.world();
    const transaction = w.database.transaction.bind(w.database);
    let transactions = 0;
    w.database.transaction = (work) => {
      transactions++;
      return transaction(work);
    };
    const events = Array.from({ length: 60 }, () => randomUUID());
    const batches = events.map((event, n) => [recordOf(w.connection.name, event, { key: `k${n}` }, BigInt(n))]);
    expect(await Promise.all(batches.map((records) => w.intake.take(records)))).toEqual(events.map(() => []));
    for (const event of events) expect(await w.status(event)).toBe('PENDING');
    expect(transactions).toBeLessThan(events.length / 4);
    w.database.transaction = transaction;
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
    expect(ends.map((end) => (end.status === 'fulfilled' ? (end.value as unknown[]).length : 'rejected'))).toEqual([
      0, 0, 1, 0,
    ]); // refused, which makes a dead letter of it
    expect([await w.status(first), await w.status(bad), await w.status(last)]).toEqual([
      'PENDING',
      undefined,
      'PENDING',
    ]);
  });

  it.each([
    ['a date that only PostgreSQL knows', { cd_acceptedAt: 'yesterday' }],
    ['a date that never ends', { cd_acceptedAt: 'infinity' }],
    ['a date that no calendar has', { cd_eventLogTime: '2026-02-30T00:00:00Z' }],
    ['a version beyond eight bytes', { cd_aggregateVersion: '9999999999999999999' }],
    ['hops that are no number', { cd_hopCount: 'x' }],
    ['more documents than can be counted', { cd_fanOut: '99999999999' }],
    ['an amount that is none', { cd_amount: 'much' }],
    ['a record id longer than an index takes', { cd_recordId: randomBytes(9_000).toString('hex') }],
  ])('refuses a record with %s, and takes in what comes with it', async (_, headers) => {
    const w = await at.world();
    for (const size of [3, 120]) {
      const events = Array.from({ length: size }, () => randomUUID());
      const records = events.map((event, n) => recordOf(w.connection.name, event, { key: event }, BigInt(n)));
      records[1] = { ...records[1]!, headers: { ...records[1]!.headers, ...headers } };
      expect(await w.intake.take(records)).toEqual([{ at: 1, reason: expect.any(String) }]);
      const statuses = await Promise.all(events.map((event) => w.status(event)));
      expect(statuses).toEqual(events.map((__, n) => (n === 1 ? undefined : 'PENDING')));
    }
  });

  it('does not wait with what is new for a record that somebody has locked', async () => {
    const w = await at.world();
    const [sick, ...others] = Array.from({ length: 4 }, () => randomUUID());
    const take = (event: string, key: string): Promise<unknown> =>
      w.intake.take([recordOf(w.connection.name, event, { key }, 1n)]);
    await take(randomUUID(), 'sick');
    let done = false;
    const session = await w.database.session();
    await session.query('begin');
    await session.query("select 1 from lane where connection = $1 and key like '%sick' for update", [
      w.connection.name,
    ]);
    const waiting = take(sick!, 'sick').then(() => (done = true));
    await Promise.all(others.map((event) => take(event, event)));
    expect(done).toBe(false);
    await session.query('rollback');
    await session.close();
    await waiting;
    for (const event of [sick!, ...others]) expect(await w.status(event)).toBe('PENDING');
  });

  it('counts repeats once, also where the transaction they shared came to nothing', async () => {
    const w = await at.world();
    const event = randomUUID();
    const record = (of: string, body: unknown, offset = 1n) => ({
      ...recordOf(w.connection.name, of, { body }, 0n),
      offset,
    });
    await Promise.allSettled([
      w.intake.take([record(randomUUID(), 'first')]),
      w.intake.take([record(event, 'one'), record(event, 'two')]),
      w.intake.take([record(randomUUID(), 'bad', 2n ** 70n)]),
    ]);
    const [known] = await w.database.query('select repeats, differing from delivery_key where event_id = $1', [event]);
    expect(known).toEqual({ repeats: 1, differing: 1 });
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
