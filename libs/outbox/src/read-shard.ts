import { SCHEMA } from '#db';
import { CANDIDATES, SNAPSHOT, type Reading } from './read-sql.ts';

/**
 * What `READ` in read.ts says, for one shard: the rows of its own keys, and of all others the ids alone. Those are read
 * because an id that is not seen is a gap: with them each shard's cursor stands for itself, and none waits for another.
 * Payloads of others are neither fetched nor counted. `order by id` as there.
 */
export const readShardSql = (reading: Reading, { shard, shards }: { shard: number; shards: number }): string => `
  select id, case when own then topic end, case when own then key end, case when own then headers::text end,
    case when own then payload end, appended_at, null::text, null::bigint, not own
  from (
    select *, sum(case when own then coalesce(octet_length(payload), 0) else 0 end)
      over (order by id rows between unbounded preceding and 1 preceding) as before
    from (
      select *, ${SCHEMA}.relay_shard(key, ${shards}) = ${shard} as own from (${CANDIDATES(reading)}) as candidate
    ) as judged
  ) as sized
  where coalesce(before, 0) < ${reading.bytes}
  union all
  select ${SNAPSHOT}, null`;
