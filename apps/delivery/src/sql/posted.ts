import type { Statement } from '#db';

/**
 * The bytes of what is posted in lanes $1: those of the revision that took effect, frozen with its first attempt, so any attempt of
 * it has them. None of what a person posted by hand. A statement of its own, because only facts that reverse need it.
 */
export const POSTED_BODIES: Statement = {
  name: 'delivery-posted-bodies',
  text: `
select l.id as lane_id, a.body from lane l
  cross join lateral (
    select case when body_of_revision then (select r.body from revision r where r.delivery_id = attempt.delivery_id and r.n = attempt.revision)
                else body end as body
      from attempt
     where delivery_id = l.posted_delivery and revision = l.posted_revision and operation in ('create', 'write')
       and (body is not null or body_of_revision)
     -- all of them have the same bytes
     order by n limit 1
  ) a
 where l.id = any($1::bigint[]) and l.posted is not null`,
};
