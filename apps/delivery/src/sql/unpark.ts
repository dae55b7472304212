import type { Statement } from '#db';

/**
 * Deliveries $2 of lanes $1, claimed under tokens $3, whose hour is over: they wait for a retry again, so that whatever a
 * claim may find (stale, held, refused) is a legal next state.
 */
export const UNPARK: Statement = {
  name: 'delivery-unpark',
  text: `
update delivery d set status = 'RETRY_WAIT', next_attempt_at = null, changed_at = clock_timestamp()
  from unnest($1::bigint[], $2::bigint[], $3::bigint[]) as u(lane_id, delivery_id, token)
  join lane l on l.id = u.lane_id and l.token = u.token
 where d.id = u.delivery_id and d.lane_id = l.id and d.status = 'PARKED'`,
};
