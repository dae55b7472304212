import type { Statement } from '#db';

/**
 * Lanes $1 with tokens $2, just claimed, whose former holder left an attempt open: it died or lost its lease. The attempt
 * is in doubt from the give-up moment that was stored with it, the lane is tainted until $3 ms (per lane) after that.
 */
export const ABANDON: Statement = {
  name: 'delivery-abandon',
  text: `
with claimed as (
  select l.id, l.doubt, c.settle_ms from unnest($1::bigint[], $2::bigint[], $3::int[]) as c(id, token, settle_ms)
    join lane l on l.id = c.id and l.token = c.token order by l.id for update of l
), left_open as (
  update attempt a set outcome = 'in-doubt', doubt = 'open', error_class = 'UNKNOWN_OUTCOME',
         error = 'the process that sent it ended before it recorded an answer'
    from claimed c where a.delivery_id = c.doubt and a.outcome is null
  returning a.delivery_id, a.gave_up_at, a.request_hash, c.id as lane_id, c.settle_ms
), moved as (
  update delivery d set status = 'UNKNOWN', changed_at = clock_timestamp(), next_attempt_at = null
    from left_open o where d.id = o.delivery_id and d.status = 'IN_FLIGHT'
)
update lane l set tainted_until = greatest(l.tainted_until, o.gave_up_at + o.settle_ms * interval '1 ms'),
       tainted_request = o.request_hash
  from left_open o where l.id = o.lane_id
returning l.id`,
};
