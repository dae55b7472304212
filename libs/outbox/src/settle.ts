import { SCHEMA, type Queryable, type Statement } from '#db';
import { gapsToJson, type Cursor } from './gap.ts';

/** A row that the log refuses, or that stands behind such a row of its key. */
export interface SetAside {
  id: bigint;
  key: string;
  reason: string;
}

/**
 * Stores how far the relay is, together with what it set aside, and only if the epoch is still the caller's: a leader
 * that was replaced meanwhile changes nothing. The transaction id it returns is taken after every gap of this cursor was
 * seen: their mark.
 */
const SETTLE: Statement = {
  name: 'outbox-settle',
  text: `
    with moved as (
      update ${SCHEMA}.relay_cursor set
        high = $3, gaps = $4::jsonb, asleep = $5, published = published + $6,
        beat_at = clock_timestamp(),
        moved_at = case when $6 > 0 then clock_timestamp() else moved_at end
      where shard = $1 and epoch = $2
      returning pg_current_xact_id()::text as xid
    ), aside as (
      insert into ${SCHEMA}.relay_set_aside (id, key, reason)
      select id, key, reason from unnest($7::bigint[], $8::text[], $9::text[]) as aside (id, key, reason)
      where exists (select 1 from moved)
      on conflict (id) do nothing
      returning id
    )
    select xid, (select count(*) from aside) as aside from moved`,
};

export interface Settled {
  /** taken after the cursor's gaps were seen */
  xid: bigint;
}

/** Undefined when the epoch is not the caller's any more: it must stop. */
export async function settle(
  db: Queryable,
  to: {
    shard: number;
    epoch: bigint;
    cursor: Cursor;
    /** appends ring the doorbell from the moment this is stored */
    asleep: boolean;
    /** rows handed to the log since the last time */
    published: number;
    aside: readonly SetAside[];
  },
): Promise<Settled | undefined> {
  const [row] = await db.query<{ xid: string }>(SETTLE, [
    to.shard,
    to.epoch,
    to.cursor.high,
    gapsToJson(to.cursor.gaps),
    to.asleep,
    to.published,
    to.aside.map(({ id }) => id),
    to.aside.map(({ key }) => key),
    to.aside.map(({ reason }) => reason),
  ]);
  return row && { xid: BigInt(row.xid) };
}
