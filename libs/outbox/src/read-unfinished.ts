import { SCHEMA, type Queryable, type Statement } from '#db';
import type { UnreadRow } from './read.ts';

/** An event of which delivery does not have everything: where it would stand in the log. */
export interface UnfinishedRow {
  id: bigint;
  topic: string;
  key: string;
}

/**
 * True of an outbox row of which delivery does not have everything: fewer deliveries than its fan-out, not unrouted, no
 * dead letter of the mapper. A dead letter of delivery stands for one delivery only where there are others, because it
 * does not tell the fan-out.
 */
export const unfinishedSql = (row: string): string => `(
      not exists (select 1 from ${SCHEMA}.unrouted where unrouted.event_id = ${row}.event_id)
      and not exists (
        select 1 from ${SCHEMA}.dead_letter as dead where dead.event_id = ${row}.event_id and dead.topic = ${row}.topic)
      and not exists (
        select 1 from ${SCHEMA}.delivery where delivery.event_id = ${row}.event_id
        having count(*) > 0 and max(delivery.fan_out) <=
          count(*) + (select count(*) from ${SCHEMA}.dead_letter as dead where dead.event_id = ${row}.event_id)))`;

/**
 * Left out is what stands aside (the log never had it) and what was ordered again (an old replay must not run once more).
 * `order by id`: the order in which each record changed, see read.ts.
 */
const UNFINISHED: Statement = {
  name: 'outbox-unfinished',
  timeoutMs: 120_000, // some hundred milliseconds where everything is in memory, 80,000 reads where nothing is
  text: `
    select row.id, row.topic, row.key from ${SCHEMA}.outbox as row
    where row.id > $1 and row.id <= $2 and row.topic = any($3::text[])
      and row.headers->>'ce_replayof' is null
      and not exists (select 1 from ${SCHEMA}.relay_set_aside as aside where aside.id = row.id and aside.published_at is null)
      and ${unfinishedSql('row')}
    order by row.id`,
};

/** Ids above `from` up to `to`; the caller goes on in steps that are small enough for one statement. */
export function readUnfinished(
  db: Queryable,
  { from, to, topics }: { from: bigint; to: bigint; topics: readonly string[] },
): Promise<UnfinishedRow[]> {
  return db.query<UnfinishedRow>(UNFINISHED, [from, to, topics]);
}

const OLDEST: Statement = {
  name: 'outbox-oldest',
  text: `select coalesce(min(id), 0)::bigint as id from ${SCHEMA}.outbox`,
};

/** The first id that the archive still has. */
export async function oldestRow(db: Queryable): Promise<bigint> {
  const [row] = await db.query<{ id: bigint }>(OLDEST);
  return row!.id;
}

const NEWEST: Statement = {
  name: 'outbox-newest',
  text: `select coalesce(max(id), 0)::bigint as id from ${SCHEMA}.outbox`,
};

/** The last id that is committed now. */
export async function newestRow(db: Queryable): Promise<bigint> {
  const [row] = await db.query<{ id: bigint }>(NEWEST);
  return row!.id;
}

const ROWS: Statement = {
  name: 'outbox-rows',
  text: `
    select id, topic, key, headers, payload, appended_at from ${SCHEMA}.outbox where id = any($1::bigint[]) order by id`,
};

/** These rows as the relay publishes them, by id. */
export async function readRows(db: Queryable, ids: readonly bigint[]): Promise<UnreadRow[]> {
  const rows = await db.query<Omit<UnreadRow, 'appendedAt'> & { appended_at: Date }>(ROWS, [ids]);
  return rows.map(({ appended_at, ...row }) => ({ ...row, appendedAt: appended_at }));
}
