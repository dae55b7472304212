import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Database } from '#db';
import { clonedDatabase, eventually } from '#testing';
import type { ClonedDatabase } from '#testing';
import { commitOffsets, type Lease } from './commit.ts';
import { balance, leave, release } from './membership.ts';
import type { Member, Start } from './membership.ts';
import { ensureTopics } from './topics.ts';

const HOUR = 3_600_000;
const commitOffset = async (database: Database, group: string, lease: Lease, next: bigint): Promise<boolean> =>
  (await commitOffsets(database, group, [{ lease, next }])).size === 1;

const TOPIC = 'lease.v1';

describe('leases of partitions', () => {
  let postgres: ClonedDatabase;
  const member = (group: string, leaseMs = HOUR): Member => ({
    group,
    member: randomUUID(),
    leaseMs,
    topics: new Map([[TOPIC, 4]]),
  });

  beforeAll(async () => {
    postgres = await clonedDatabase();
    const sizes = { partitions: 4, retentionMs: HOUR, maxMessageBytes: 10_000 };
    await ensureTopics(postgres.database, [{ ...sizes, name: TOPIC, writer: 'relay', key: '', value: '' }]);
  });
  afterAll(() => postgres?.close());

  it('fence: who was replaced while frozen commits nothing, and its heir starts where it had committed', async () => {
    const { database } = postgres;
    const frozen = member('fence', 100);
    const { taken } = await balance(database, frozen);
    const lease = taken[0]!;
    expect(await commitOffset(database, 'fence', lease, 3n)).toBe(true);
    const next = member('fence');
    const starts: Start[] = [];
    await eventually(async () => {
      starts.push(...(await balance(database, next)).taken);
      return starts.length === 4;
    }, 'the frozen one is given up');
    const inherited = starts.find((start) => start.partition === lease.partition)!;
    expect(inherited).toMatchObject({ committed: 3n, lowWatermark: 0n });
    expect(inherited.token).toBeGreaterThan(lease.token);
    expect(await commitOffset(database, 'fence', lease, 9n)).toBe(false);
    expect(await commitOffset(database, 'fence', inherited, 5n)).toBe(true);
    expect(await commitOffset(database, 'fence', inherited, 4n)).toBe(false); // never backwards
    const [row] = await database.query<{ committed: bigint }>(
      `select committed from log_offset where group_name = 'fence' and partition = $1`,
      [lease.partition],
    );
    expect(row!.committed).toBe(5n);
  });

  it('are handed over one by one, never held by two', async () => {
    const { database } = postgres;
    const [one, two] = [member('share'), member('share')];
    expect((await balance(database, one)).taken).toHaveLength(4);
    expect((await balance(database, two)).taken).toEqual([]);
    const { surplus, held } = await balance(database, one);
    expect([held.length, surplus.length]).toEqual([4, 2]);
    await release(database, 'share', surplus[0]!);
    expect((await balance(database, two)).taken.map((start) => start.partition)).toEqual([surplus[0]!.partition]);
    await release(database, 'share', surplus[1]!);
    await leave(database, one);
    expect((await balance(database, two)).taken.map((start) => start.partition)).toEqual([surplus[1]!.partition]);
    for (const lease of held) await release(database, 'share', lease); // those that one still had
    expect((await balance(database, two)).taken).toHaveLength(2);
  });

  it('survive thirty members that come at once', async () => {
    const { database } = postgres;
    const members = Array.from({ length: 30 }, () => member('crowd'));
    const balances = await Promise.all(members.map((each) => balance(database, each)));
    const held = balances.flatMap(({ taken }) => taken.map((start) => start.partition));
    expect(held.toSorted()).toEqual([0, 1, 2, 3]);
  });

  it('are renewed beside commits of many of them without a deadlock', async () => {
    const { database } = postgres;
    const name = 'many.v1';
    const sizes = { partitions: 60, retentionMs: HOUR, maxMessageBytes: 10_000 };
    await ensureTopics(database, [{ ...sizes, name, writer: 'relay', key: '', value: '' }]);
    const me = { ...member('many'), topics: new Map([[name, 60]]) };
    const leases = new Map((await balance(database, me)).taken.map((start) => [start.partition, start as Lease]));
    for (let n = 0; n < 60; n += 2) await release(database, 'many', leases.get((n * 7) % 60)!); // their rows move
    for (const start of (await balance(database, me)).taken) leases.set(start.partition, start);
    const deadlocks = async (): Promise<bigint> =>
      (
        await database.query<{ n: bigint }>(
          'select deadlocks as n from pg_stat_database where datname = current_database()',
        )
      )[0]!.n;
    const before = await deadlocks();
    const handled = [...leases.values()].map((lease) => ({ lease, next: 1n }));
    for (let round = 0; round < 150; round++) {
      const [moved] = await Promise.all([commitOffsets(database, 'many', handled), balance(database, me)]);
      expect(moved.size).toBe(60);
    }
    expect(await deadlocks()).toBe(before);
  });
});
