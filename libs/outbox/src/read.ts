import { SCHEMA, type Queryable, type Statement } from '#db';
import type { Gap } from './gap.ts';
import { READ_SHARD } from './read-shard.ts';

/** A committed row that the relay has not read yet. */
export interface UnreadRow {
  id: bigint;
  topic: string;
  key: string;
  headers: Record<string, string>;
  payload: Buffer | null;
  appendedAt: Date;
  /** of a key of another shard: only its id is there */
  foreign?: boolean;
}

/** What one snapshot of the database shows. */
export interface Snapshot {
  /** every transaction below this one has ended: `pg_snapshot_xmin` of the same snapshot as the rows */
  xmin: bigint;
  /** by id */
  rows: UnreadRow[];
  /** the highest id ever drawn: above the cursor something is on its way, or was rolled back */
  drawn: bigint;
  /** a limit cut the list: nothing is known of ids above the last row */
  cut: boolean;
}

/**
 * One statement, hence one snapshot: the rows in the open gaps and above the cursor, with the snapshot's xmin. Two
 * statements would prove nothing: a transaction could end between them. `order by id` is the order in which a record's
 * events were made (the id is drawn under the record's lock), which neither time nor transaction id is. The sum of sizes
 * keeps a batch of large payloads within memory; it reads no payload (their length stands in the row).
 */
const READ: Statement = {
  name: 'outbox-read',
  text: `
    select seen.xmin, seen.drawn, row.*
    from (
      select pg_snapshot_xmin(pg_current_snapshot())::text as xmin,
        (select case when is_called then last_value else 0 end from ${SCHEMA}.outbox_id) as drawn
    ) as seen
    left join lateral (
      select * from (
        select *, count(*) over () as candidates,
          sum(coalesce(octet_length(payload), 0)) over (order by id) - coalesce(octet_length(payload), 0) as before
        from (
          (select filled.* from unnest($2::bigint[], $3::bigint[]) as gap (low, high)
            cross join lateral (
              select id, topic, key, headers, payload, appended_at from ${SCHEMA}.outbox
              where id between gap.low and gap.high order by id limit $4
            ) as filled)
          union all
          (select id, topic, key, headers, payload, appended_at from ${SCHEMA}.outbox
            where id > $1 order by id limit $4)
          order by id limit $4
        ) as candidate
      ) as sized
      where before < $5
    ) as row on true
    order by row.id`,
};

interface Row {
  xmin: string;
  drawn: bigint;
  id: bigint | null;
  topic: string;
  key: string;
  headers: Record<string, string>;
  payload: Buffer | null;
  appended_at: Date;
  candidates: bigint;
  foreign?: boolean;
}

/** Asked by the relay's leader, one at a time. `rows` (of one shard's share) and `bytes` bound the batch; one row always fits. */
export async function readOutbox(
  db: Queryable,
  from: { high: bigint; gaps: readonly Gap[] },
  limit: { rows: number; bytes: number },
  of: { shard: number; shards: number } = { shard: 0, shards: 1 },
): Promise<Snapshot> {
  const rowLimit = limit.rows * of.shards;
  const found = await db.query<Row>(of.shards === 1 ? READ : READ_SHARD, [
    from.high,
    from.gaps.map((gap) => gap.from),
    from.gaps.map((gap) => gap.to),
    rowLimit,
    limit.bytes,
    ...(of.shards === 1 ? [] : [of.shard, of.shards]),
  ]);
  const first = found[0]!;
  const rows = first.id === null ? [] : found;
  return {
    xmin: BigInt(first.xmin),
    drawn: first.drawn,
    rows: rows.map((row) => ({
      id: row.id!,
      topic: row.topic,
      key: row.key,
      headers: row.headers,
      payload: row.payload,
      appendedAt: row.appended_at,
      ...(row.foreign && { foreign: true }),
    })),
    cut: rows.length > 0 && (rows.length >= rowLimit || BigInt(rows.length) < first.candidates),
  };
}
