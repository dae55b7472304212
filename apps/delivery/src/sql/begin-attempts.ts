import { RESULT_TYPE } from '#contracts';
import type { Statement } from '#db';

export interface BegunAttempt {
  lane_id: string;
  token: string;
  delivery_id: string;
  flow: string;
  operation: string;
  request_key: string;
  target_id: string | null;
  /** null when it has none, or when `body_of_revision` */
  body: string | null;
  /** the bytes are those of the revision, and are not stored twice */
  body_of_revision: boolean;
  request_hash: string;
  content_hash: string;
  /** the second empty look closes the doubts in this very transaction */
  absent: boolean;
  revision: number;
  /** third of the lease plus timeout: the latest moment at which the request can be given up */
  give_up_ms: number;
}

export interface BegunRow {
  lane_id: bigint;
  /** a process may have claimed a lane twice, the second time because its own lease was over: only one of the two begins */
  token: bigint;
  /** null: the flow was paused since the claim, nothing was written and the lane is still ours */
  n: number | null;
}

/** Claimed or renewed just now. The two moments are drawn one after the other by one statement. */
const FRESH = "least(l.until, l.due_at) > clock_timestamp() + $3 * interval '1 ms' * 2 / 3";

/**
 * Writes the attempt rows of $1 (JSON list of `BegunAttempt`) for holder $2 and renews those leases ($3 ms) that were not just
 * taken. Committed before any byte leaves; a row whose lane has another token by now is not written, and its lane is missing from
 * the answer. A flow that was paused since the claim keeps back all but what is in doubt, as the claim does: that was begun before.
 * What a person ordered is used up by it. A write-back is noted with its hop count plus one, for the events it will cause at its source.
 */
export const BEGIN_ATTEMPTS: Statement = {
  name: 'delivery-begin-attempts',
  text: `
with input as (
  select * from json_to_recordset($1::json) as x(
    lane_id bigint, token bigint, delivery_id bigint, flow text, operation text, request_key text, target_id text, body text,
    body_of_revision boolean, request_hash text, content_hash text, absent boolean, revision integer, give_up_ms integer)
), mine as (
  select x.*, l.doubt is null and x.flow = any(array(select flow from flow_state where state = 'paused')) as paused from input x join (
    select id, token, doubt from lane where id = any(array(select lane_id from input)) and holder = $2 order by id for update
  ) l on l.id = x.lane_id and l.token = x.token where may_send()
), moved as (
  update delivery d set status = 'IN_FLIGHT', attempts = attempts + 1, attempt_n = attempt_n + 1, changed_at = clock_timestamp()
    from mine m
   where d.id = m.delivery_id and not m.paused
     and d.status in ('PENDING', 'RETRY_WAIT', 'UNKNOWN', 'HELD_PERIOD', 'PARKED') and d.revision = m.revision
  -- with all that the statements below need: they join nothing that another one returned (see SETTLE)
  returning d.id, d.attempt_n, d.key, d.hop_count, d.event_type, m.*
), leased as (
  -- the bytes leave within a third of the lease: with two thirds left, nothing of the lane's indexes need change
  update lane l set doubt = m.id, ordered = false,
         until = case when ${FRESH} then l.until else clock_timestamp() + $3 * interval '1 ms' end,
         due_at = case when ${FRESH} then l.due_at else clock_timestamp() + $3 * interval '1 ms' end
    from moved m where l.id = m.lane_id
), closed as (
  update attempt a set doubt = 'absent' from moved m
   where m.absent and a.delivery_id = m.id and a.doubt = 'open'
), noted as (
  insert into own_write as own (key, hops)
  select key, max(hop_count) + 1 from moved where event_type like '${RESULT_TYPE}%' group by key order by key
  on conflict (key) do update set hops = greatest(own.hops, excluded.hops)
), written as (
  insert into attempt (delivery_id, n, revision, operation, request_key, target_id, body, body_of_revision, request_hash,
                       content_hash, token, holder, gave_up_at)
  select id, attempt_n, revision, operation, request_key, target_id, body, body_of_revision, decode(request_hash, 'hex'),
         decode(content_hash, 'hex'), token, $2, clock_timestamp() + give_up_ms * interval '1 ms'
    from moved
)
select lane_id, token, attempt_n as n from moved
union all select lane_id, token, null from mine where paused`,
};
