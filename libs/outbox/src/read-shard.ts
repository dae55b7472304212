import { SCHEMA, type Statement } from '#db';

/**
 * What `READ` in read.ts says, for shard $6 of $7: the rows of its own keys, and of all others the ids alone. Those are read
 * because an id that is not seen is a gap: with them each shard's cursor stands for itself, and none waits for another.
 * Payloads of others are neither fetched nor counted. `order by id` as there.
 */
export const READ_SHARD: Statement = {
  name: 'outbox-read-shard',
  text: `
    select id, not own as "foreign", case when own then topic end as topic, case when own then key end as key,
      case when own then headers end as headers, case when own then payload end as payload, appended_at,
      null::text as xmin, null::bigint as drawn
    from (
      select *, sum(case when own then coalesce(octet_length(payload), 0) else 0 end)
        over (order by id rows between unbounded preceding and 1 preceding) as before
      from (
        select *, ${SCHEMA}.relay_shard(key, $7) = $6 as own
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
      ) as judged
    ) as sized
    where coalesce(before, 0) < $5
    union all
    select null, null, null, null, null, null, null, pg_snapshot_xmin(pg_current_snapshot())::text,
      (select case when is_called then last_value else 0 end from ${SCHEMA}.outbox_id)`,
};
