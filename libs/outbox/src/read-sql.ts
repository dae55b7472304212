import { SCHEMA } from '#db';
import type { Gap } from './gap.ts';

/** What is asked for, as it stands in the statement: numbers, or the parameters that bring them. */
export interface Reading {
  high: string;
  /** arrays of first and last ids; undefined: there are none, and the statement is half as long to plan */
  gaps: { from: string; to: string } | undefined;
  rows: string;
  bytes: string;
  shard: string;
  shards: string;
}

/** The first so many rows in the gaps and above the cursor, by id. */
const candidates = ({ high, gaps, rows }: Reading): string => {
  const above = `select ${COLUMNS} from ${SCHEMA}.outbox where id > ${high} order by id limit ${rows}`;
  if (gaps === undefined) return above;
  return `
  (select filled.* from unnest(${gaps.from}, ${gaps.to}) as gap (low, high)
    cross join lateral (
      select ${COLUMNS} from ${SCHEMA}.outbox where id between gap.low and gap.high order by id limit ${rows}
    ) as filled)
  union all
  (${above})
  order by id limit ${rows}`;
};

const COLUMNS = 'id, topic, key, headers, payload, appended_at';

/** The row without an id: what the snapshot shows besides. */
const SNAPSHOT = `null, null, null, null, null, null, pg_snapshot_xmin(pg_current_snapshot())::text,
    (select case when is_called then last_value else 0 end from ${SCHEMA}.outbox_id)`;

/**
 * One statement, hence one snapshot: the rows in the open gaps and above the cursor, and a row without an id that says the
 * snapshot's xmin. Two statements would prove nothing: a transaction could end between them. `order by id` is the order in
 * which a record's events were made (the id is drawn under the record's lock), which neither time nor transaction id is.
 * The sum of sizes keeps a batch of large payloads within memory; it reads no payload (their length stands in the row).
 *
 * Every step passes rows on as they come from the index: a frame of rows where `range` would collect peers, no count of
 * all candidates, no sort of whole rows at the end (`readOutbox` puts them in order, which they are). With those a batch of
 * 4,000 rows of 1 KiB went to temporary files twice: 28 ms, and 7 like this (`explain (analyze, buffers)`).
 */
export const readSql = (reading: Reading): string => `
  select id, topic, key, headers::text as headers, payload, appended_at, null::text as xmin, null::bigint as drawn
  from (
    select *, sum(coalesce(octet_length(payload), 0))
      over (order by id rows between unbounded preceding and 1 preceding) as before
    from (${candidates(reading)}) as candidate
  ) as sized
  where coalesce(before, 0) < ${reading.bytes}
  union all
  select ${SNAPSHOT}`;

/**
 * The same for one shard: the rows of its own keys, and of all others the ids alone. Those are read because an id that is not
 * seen is a gap: with them each shard's cursor stands for itself, and none waits for another. Payloads of others are neither
 * fetched nor counted.
 */
export const readShardSql = (reading: Reading): string => `
  select id, case when own then topic end as topic, case when own then key end as key, case when own then headers::text end as headers,
    case when own then payload end as payload, appended_at, null::text as xmin, null::bigint as drawn, not own as foreign
  from (
    select *, sum(case when own then coalesce(octet_length(payload), 0) else 0 end)
      over (order by id rows between unbounded preceding and 1 preceding) as before
    from (
      select *, ${SCHEMA}.relay_shard(key, ${reading.shards}) = ${reading.shard} as own from (${candidates(reading)}) as candidate
    ) as judged
  ) as sized
  where coalesce(before, 0) < ${reading.bytes}
  union all
  select ${SNAPSHOT}, null`;

/** Of a batch of its own, planned for what it reads. */
export function literally(
  { high, gaps }: { high: bigint; gaps: readonly Gap[] },
  { rows, bytes }: { rows: number; bytes: number },
  { shard, shards }: { shard: number; shards: number },
): Reading {
  const list = (end: 'from' | 'to'): string => `'{${gaps.map((gap) => gap[end]).join()}}'::bigint[]`;
  return {
    high: String(high),
    gaps: gaps.length === 0 ? undefined : { from: list('from'), to: list('to') },
    rows: String(rows),
    bytes: String(bytes),
    shard: String(shard),
    shards: String(shards),
  };
}

/** Prepared once: $1 high, $2 and $3 the gaps, $4 rows, $5 bytes, $6 shard of $7. */
export const BY_PARAMETERS: Reading = {
  high: '$1::bigint',
  gaps: { from: '$2::bigint[]', to: '$3::bigint[]' },
  rows: '$4::bigint',
  bytes: '$5::bigint',
  shard: '$6::integer',
  shards: '$7::integer',
};
