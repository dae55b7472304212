import type { Database, Transaction } from '#db';
import { shareOf } from './share.ts';
import { placeOf, type Lease } from './commit.ts';

const ALIVE = `
  insert into log_group_member (group_name, member, topics, until)
  values ($1, $2, $3, clock_timestamp() + $4::bigint * interval '1 ms')
  on conflict (group_name, member) do update set until = excluded.until`;

const FORGET_THE_DEAD = `
  delete from log_group_member where (group_name, member) in (
    select group_name, member from log_group_member
    where group_name = $1 and until < clock_timestamp() for update skip locked)`;

const MEMBERS = `select member::text, topics from log_group_member where group_name = $1 order by member`;

/** `order by`: a commit of several partitions locks in the same order. */
const RENEW = `
  with mine as (
    select topic, partition from log_group_lease where group_name = $1 and member = $2
    order by topic, partition for update
  )
  update log_group_lease l set until = clock_timestamp() + $3::bigint * interval '1 ms'
  from mine where l.group_name = $1 and l.topic = mine.topic and l.partition = mine.partition
  returning l.topic, l.partition, l.token`;

/** Takes what nobody holds any more. `order by`: members that take at once lock in the same order. */
const TAKE = `
  insert into log_group_lease as l (group_name, topic, partition, member, token, until)
  select $1, w.topic, w.partition, $2, nextval('log_lease_token'), clock_timestamp() + $3::bigint * interval '1 ms'
  from unnest($4::text[], $5::int[]) as w(topic, partition)
  order by w.topic, w.partition
  on conflict (group_name, topic, partition) do update
    set member = excluded.member, token = excluded.token, until = excluded.until
    where l.until < clock_timestamp()
  returning topic, partition, token`;

/**
 * Where a new owner starts: the committed offset, in a new group the first one there is. That one is noted at once:
 * otherwise nobody could tell later that retention deleted what came in while the group was away.
 */
const STARTS = `
  with place as (
    select p.topic, p.partition, p.low_watermark
    from unnest($2::text[], $3::int[]) as w(topic, partition) join log_partition p using (topic, partition)
  ), noted as (
    insert into log_offset (group_name, topic, partition, committed)
    select $1, topic, partition, low_watermark from place order by topic, partition
    on conflict do nothing
  )
  select place.topic, place.partition, o.committed, place.low_watermark
  from place left join log_offset o on o.group_name = $1 and o.topic = place.topic and o.partition = place.partition`;

/**
 * Whoever takes a partition while nothing may be committed handles it, is refused, loses it, takes it anew and handles the same
 * again, without end: what its handler appends would grow as fast.
 */
const MAY_COMMIT = 'select may_commit() as may';

const RELEASE = `delete from log_group_lease where group_name = $1 and topic = $2 and partition = $3 and token = $4`;

/** A member that joins tells everybody: what is answered here stays true until then. */
const OTHERS = {
  name: 'log-others',
  text: `select exists (select 1 from log_group_member where member <> all($1::uuid[])) as others`,
};

const LEAVE = `delete from log_group_member where group_name = $1 and member = $2`;

export interface Member {
  group: string;
  /** uuid of this subscription */
  member: string;
  leaseMs: number;
  /** topic and its number of partitions */
  topics: ReadonlyMap<string, number>;
}

export interface Start extends Lease {
  committed: bigint | null;
  lowWatermark: bigint;
}

export interface Balance {
  /** still ours */
  held: Lease[];
  /** ours from now on */
  taken: Start[];
  /** held, and to be given to others when the batch in hand is done */
  surplus: Lease[];
  /** something is due, and nothing is taken until somebody has vouched for the server that was started anew */
  waits: boolean;
}

/**
 * Says "I live", renews what is held, takes what is due and free while offsets may be committed. Every third of a lease, sooner
 * while it waits, and when the group changes.
 */
export function balance(database: Database, me: Member): Promise<Balance> {
  const topics = [...me.topics.keys()].sort();
  return database.transaction(async (tx) => {
    await tx.query(ALIVE, [me.group, me.member, topics, me.leaseMs]);
    await tx.query(FORGET_THE_DEAD, [me.group]);
    const members = await tx.query<{ member: string; topics: string[] }>(MEMBERS, [me.group]);
    const mine = shareOf(me.member, members, me.topics);
    const held = await tx.query<Lease>(RENEW, [me.group, me.member, me.leaseMs]);
    const has = new Set(held.map(placeOf));
    const due = mine.filter((place) => !has.has(placeOf(place)));
    const wanted = new Set(mine.map(placeOf));
    const waits = due.length > 0 && !(await tx.query<{ may: boolean }>(MAY_COMMIT))[0]!.may;
    return {
      held,
      waits,
      taken: due.length > 0 && !waits ? await take(tx, me, due) : [],
      surplus: held.filter((lease) => !wanted.has(placeOf(lease))),
    };
  });
}

async function take(tx: Transaction, me: Member, due: { topic: string; partition: number }[]): Promise<Start[]> {
  const places = [due.map((place) => place.topic), due.map((place) => place.partition)];
  const taken = await tx.query<Lease>(TAKE, [me.group, me.member, me.leaseMs, ...places]);
  if (taken.length === 0) return [];
  const starts = await tx.query<{ topic: string; partition: number; committed: bigint | null; low_watermark: bigint }>(
    STARTS,
    [me.group, taken.map((lease) => lease.topic), taken.map((lease) => lease.partition)],
  );
  const byPlace = new Map(starts.map((start) => [placeOf(start), start]));
  return taken.map((lease) => {
    const start = byPlace.get(placeOf(lease));
    return { ...lease, committed: start?.committed ?? null, lowWatermark: start?.low_watermark ?? 0n };
  });
}

/** Whether anybody reads the log besides `here`, the members of this process. */
export async function othersRead(database: Database, here: readonly string[]): Promise<boolean> {
  const [row] = await database.query<{ others: boolean }>(OTHERS, [here]);
  return row!.others;
}

export async function release(database: Database, group: string, lease: Lease): Promise<void> {
  await database.query(RELEASE, [group, lease.topic, lease.partition, lease.token]);
}

export async function leave(database: Database, me: Member): Promise<void> {
  await database.query(LEAVE, [me.group, me.member]);
}
