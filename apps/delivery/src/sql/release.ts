import type { Statement } from '#db';

/**
 * Holder $4 gives lanes $1 with tokens $2 back: due in $3 ms (null: when something wakes it), at once where something came
 * meanwhile. The token alone would not do, here and in `RENEW`: a lane keeps it when it is given back.
 */
export const RELEASE: Statement = {
  name: 'delivery-release',
  text: `
update lane l set holder = null, until = null, wake = false,
       due_at = case when l.wake then clock_timestamp() when r.due_ms is null then null
                     else clock_timestamp() + r.due_ms * interval '1 ms' end
  from (select l2.id, r2.due_ms from unnest($1::bigint[], $2::bigint[], $3::float8[]) as r2(id, token, due_ms)
          join lane l2 on l2.id = r2.id and l2.token = r2.token and l2.holder = $4 order by l2.id for update of l2) r
 where l.id = r.id`,
};

/**
 * Renews the leases ($3 ms) that holder $4 has of lanes $1 with tokens $2; what is missing from the answer is no longer ours. A
 * renewal that meets a lane just given back would put off by a whole lease what came for it meanwhile. One that somebody else
 * writes at this moment is left to the next time: whoever has many lanes and waits for one more may be waited for itself, and
 * one lane that is locked for long must not cost us all the others.
 */
export const RENEW: Statement = {
  name: 'delivery-renew',
  text: `
with asked as (
  select * from unnest($1::bigint[], $2::bigint[]) as x(id, token)
), free as (
  select l.id from asked a join lane l on l.id = a.id and l.token = a.token and l.holder = $4 order by l.id for update of l skip locked
), renewed as (
  update lane l set until = clock_timestamp() + $3 * interval '1 ms', due_at = clock_timestamp() + $3 * interval '1 ms'
    from free where l.id = free.id
)
select l.id from asked a join lane l on l.id = a.id and l.token = a.token and l.holder = $4`,
};
