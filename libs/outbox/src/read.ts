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
  /** a limit may have cut the list: nothing is known of ids above the last row */
  cut: boolean;
}

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
const READ: Statement = {
  name: 'outbox-read',
  text: `
    select id, topic, key, headers, payload, appended_at, null::text as xmin, null::bigint as drawn
    from (
      select *, sum(coalesce(octet_length(payload), 0))
        over (order by id rows between unbounded preceding and 1 preceding) as before
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
    where coalesce(before, 0) < $5
    union all
    select null, null, null, null, null, null, pg_snapshot_xmin(pg_current_snapshot())::text,
      (select case when is_called then last_value else 0 end from ${SCHEMA}.outbox_id)`,
};

interface Row {
  /** null in one row, which has nothing else than xmin and drawn */
  id: bigint | null;
  topic: string;
  key: string;
  headers: Record<string, string>;
  payload: Buffer | null;
  appended_at: Date;
  foreign?: boolean;
  xmin: string;
  drawn: bigint;
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
  const { xmin, drawn } = found.find(({ id }) => id === null)!;
  const rows = found.filter(({ id }) => id !== null).sort((one, other) => (one.id! < other.id! ? -1 : 1));
  // as the statement has it: a row goes while those before it are below the limit
  const bytes = rows.reduce((sum, row) => sum + (row.payload?.length ?? 0), 0);
  return {
    xmin: BigInt(xmin),
    drawn,
    rows: rows.map((row) => ({
      id: row.id!,
      topic: row.topic,
      key: row.key,
      headers: row.headers,
      payload: row.payload,
      appendedAt: row.appended_at,
      ...(row.foreign && { foreign: true }),
    })),
    cut: rows.length >= rowLimit || bytes >= limit.bytes,
  };
}
