import { SCHEMA, type Queryable, type Statement } from '#db';
import type { UnreadRow } from './read.ts';

/**
 * What stands aside of one key, oldest first: a released key goes on in the order in which its record changed (`order by
 * id`, see read.ts). The list is never longer than `limit`; the caller asks again.
 */
const ASIDE: Statement = {
  name: 'outbox-aside',
  text: `
    select row.id, row.topic, row.key, row.headers, row.payload, row.appended_at
    from ${SCHEMA}.relay_set_aside as aside join ${SCHEMA}.outbox as row using (id)
    where aside.key = $1 and aside.published_at is null
    order by aside.id
    limit $2`,
};

export async function readSetAside(db: Queryable, key: string, limit: number): Promise<UnreadRow[]> {
  const rows = await db.query<Omit<UnreadRow, 'appendedAt'> & { appended_at: Date }>(ASIDE, [key, limit]);
  return rows.map(({ appended_at, ...row }) => ({ ...row, appendedAt: appended_at }));
}

const RELEASE: Statement = {
  name: 'outbox-release',
  text: `
    with mine as (
      select 1 from ${SCHEMA}.relay_cursor where shard = $1 and epoch = $2 for share
    ), released as (
      update ${SCHEMA}.relay_set_aside set released_at = coalesce(released_at, clock_timestamp()), published_at = clock_timestamp()
      where id = any($3::bigint[]) and exists (select 1 from mine)
      returning id
    ) select (select count(*) from mine)::integer as mine, (select count(*) from released)::integer as released`,
};

/** Notes that the log has these rows. False: the epoch is not the caller's any more, nothing was noted. */
export async function markReleased(
  db: Queryable,
  shard: number,
  epoch: bigint,
  ids: readonly bigint[],
): Promise<boolean> {
  const [row] = await db.query<{ mine: number }>(RELEASE, [shard, epoch, ids]);
  return row!.mine > 0;
}
