import type { Statement } from '#db';
import { RESULT_COLUMNS } from './settle.ts';
import { UNFINISHED } from './unfinished.ts';

const BEFORE = 'coalesce(d.delivered_revision, d.unchanged_revision)';

/**
 * Of lanes $1, whose deliveries $2 just took effect: what is older and unfinished (waiting, held, parked and dead alike) is
 * superseded. What a waiting revision was made of goes back to what it was, and is told where a result has said otherwise meanwhile.
 */
export const SUPERSEDE: Statement = {
  name: 'delivery-supersede',
  text: `
with newer as (
  select e.lane_id, n.id, coalesce(n.source_version, -1) as source_version, n.aggregate_version
    from unnest($1::bigint[], $2::bigint[]) as e(lane_id, delivery_id) join delivery n on n.id = e.delivery_id
), gone as (
  update delivery d
     set status = case when d.delivered_revision is not null then 'DELIVERED'
                       when d.unchanged_revision is not null then 'SKIPPED_NOCHANGE' else 'RESOLVED_SUPERSEDED' end,
         revision = coalesce(${BEFORE}, d.revision),
         kind = coalesce((select r.kind from revision r where r.delivery_id = d.id and r.n = ${BEFORE}), d.kind),
         error_class = case when ${BEFORE} is null then d.error_class end, error = case when ${BEFORE} is null then d.error end,
         next_attempt_at = null, waiting_for = null, changed_at = clock_timestamp(), finished_at = clock_timestamp()
    from newer n
   where d.lane_id = n.lane_id and d.id <> n.id and d.${UNFINISHED} and d.status not in ('IN_FLIGHT', 'UNKNOWN')
     and (coalesce(d.source_version, -1), d.aggregate_version) < (n.source_version, n.aggregate_version)
  returning ${RESULT_COLUMNS}, null::int as http_status, false as again, ${BEFORE} is not null as dropped,
    ${BEFORE} is not null and not d.failure_told and d.reported is null as told
), unwaited as (
  delete from dependency_wait w using gone g where w.delivery_id = g.id
)
select * from gone`,
};
