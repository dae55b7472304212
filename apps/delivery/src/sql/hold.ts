import type { Statement } from '#db';

/**
 * Holds delivery $3 of lane $1 under token $2 for what $4 (jsonb) names; released lane, due again at once if something else
 * of it may go ($5) or came meanwhile. Nothing is answered when the token is stale.
 */
export const HOLD: Statement = {
  name: 'delivery-hold',
  text: `
with mine as (
  update lane l set holder = null, until = null, wake = false,
         due_at = case when l.wake or $5::boolean then clock_timestamp() end
   where l.id = $1 and l.token = $2
  returning l.id
)
update delivery d set status = 'HELD_DEPENDENCY', waiting_for = $4::jsonb, error_class = 'MISSING_REFERENCE', error = $6,
       next_attempt_at = null, changed_at = clock_timestamp()
  from mine m where d.id = $3 and d.lane_id = m.id
returning d.id`,
};
