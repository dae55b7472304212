import { SCHEMA, type Queryable, type Statement } from '#db';

/** How far the relay is behind, as everybody sees it. */
export interface Unpublished {
  /** committed rows that the log does not have: above the cursor, in open gaps, set aside */
  unpublished: number;
  /** ids that were drawn and are not visible yet */
  gaps: number;
  setAside: number;
  movedAt: Date;
}

const COUNT: Statement = {
  name: 'outbox-count-unpublished',
  text: `
    select
      (select count(*) from ${SCHEMA}.outbox where id > cursor.high and ${SCHEMA}.relay_shard(key, total.shards) = cursor.shard)::integer as above,
      (select count(*) from jsonb_to_recordset(cursor.gaps) as gap ("from" bigint, "to" bigint)
        join ${SCHEMA}.outbox on id between gap."from" and gap."to"
        where ${SCHEMA}.relay_shard(key, total.shards) = cursor.shard)::integer as filled,
      (select coalesce(sum(gap."to" - gap."from" + 1), 0) from jsonb_to_recordset(cursor.gaps) as gap ("from" bigint, "to" bigint))::float8 as gaps,
      (select count(*) from ${SCHEMA}.relay_set_aside where published_at is null)::integer as aside,
      cursor.moved_at
    from ${SCHEMA}.relay_cursor as cursor,
      (select count(*)::integer as shards from ${SCHEMA}.relay_cursor) as total
    where cursor.shard = $1`,
};

/** Of one shard; what is set aside is counted over all. Asked by metrics and the status report; reads index entries of unpublished rows only. */
export async function countUnpublished(db: Queryable, shard: number): Promise<Unpublished> {
  const [row] = await db.query<{ above: number; filled: number; gaps: number; aside: number; moved_at: Date }>(COUNT, [
    shard,
  ]);
  return {
    unpublished: row!.above + row!.filled + row!.aside,
    gaps: row!.gaps,
    setAside: row!.aside,
    movedAt: row!.moved_at,
  };
}
