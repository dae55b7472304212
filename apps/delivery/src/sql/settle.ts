import type { DeliveryStatus } from '#contracts';
import type { Statement } from '#db';

/** One outcome to record. Bigints travel as text, hashes as hex, times as ms from the database's clock. */
export interface SettleRow {
  lane_id: string;
  token: string;
  delivery_id: string;
  status: string;
  error_class: string | null;
  error: string | null;
  step: number;
  next_ms: number | null;
  due_ms: number | null;
  review: string | null;
  waiting_for: unknown;
  adopted: boolean;
  uncounted: boolean;
  target_id: string | null;
  attempt_n: number | null;
  attempt_outcome: string | null;
  attempt_doubt: string | null;
  http_status: number | null;
  evidence: unknown;
  looked: boolean;
  closes: string | null;
  keeps_doubt: boolean;
  taint_ms: number | null;
  request_hash: string | null;
  effect: boolean;
  acknowledged: string | null;
  cancelled: boolean | null;
  posted: string | null;
  /** the live posting is taken back */
  unposts: boolean;
  /** what the target holds is no longer known */
  forgets: boolean;
  /** null leaves it as it is */
  reversed: boolean | null;
  operation: string | null;
  by: string;
}

/** A delivery as its result needs it. */
export interface SettledRow {
  lane_id: bigint;
  id: bigint;
  status: DeliveryStatus;
  tenant: string;
  flow: string;
  connection: string;
  document: string;
  document_id: string;
  key: string;
  entity: string;
  record_id: string;
  source: string;
  event_id: string;
  event_type: string;
  replay_of: string | null;
  aggregate_version: bigint;
  source_version: bigint | null;
  error_class: string | null;
  error: string | null;
  target_id: string | null;
  attempts: number;
  revision: number;
  bundle: string;
  correlation_id: string | null;
  accepted_at: Date;
  finished_at: Date;
  amount: string | null;
  currency: string | null;
  adopted: boolean;
  traceparent: string | null;
  http_status: number | null;
  hop_count: number;
  /** it took effect before: this was a revision of it */
  again: boolean;
  /** a revision of something delivered, or of what changed nothing, came to nothing: it is as before */
  dropped: boolean;
  /** a result said exactly this already, and none has said otherwise since */
  told: boolean;
  /** under which its lane was held; none of one that another one superseded */
  token?: bigint;
}

export const RESULT_COLUMNS = `d.lane_id, d.id, d.status, d.tenant, d.flow, d.connection, d.document, d.document_id, d.key, d.entity,
  d.record_id, d.source, d.event_id, d.event_type, d.replay_of, d.aggregate_version, d.source_version, d.error_class, d.error,
  d.target_id, d.attempts, d.revision, d.bundle, d.correlation_id, d.accepted_at, d.finished_at, d.amount, d.currency, d.adopted,
  d.traceparent, d.hop_count`;

/** A person may say of an older fact that it was posted: that does not take the newest one back. */
const NEWEST = `(not x.effect or l.applied_version is null or
          (coalesce(d.source_version, -1), d.aggregate_version) >= (l.applied_source_version, l.applied_version))`;
const ADVANCES = '(d.effect and d.newest)';

/**
 * Whose bytes are posted: of what a person posted by hand we have none, though an attempt of it may be there that was refused. Where the
 * request itself is known to be posted, by whatever way that was learnt, its content is acknowledged.
 */
const postedFrom = (ours: string, before: string): string =>
  `case when not d.newest then ${before} when d.unposts then null when d.posted is null then ${before}
                              when d.acknowledged is not null then ${ours} end`;

/** Dropping a revision leaves it what it was, delivered or without a change; unless what was posted is reversed by now. */
const DROPPED = `(m.before is not null and not m.reversed_before and m.status in ('SKIPPED_NOCHANGE', 'SKIPPED_STALE', 'IGNORED', 'CANCELLED'))`;

/** What a result says while somebody is needed. */
const SAYS = `case when m.status in ('PARKED', 'DEAD') then concat_ws(' ', m.status, m.error_class) end`;
/** Neither ended nor in need of somebody. */
const MOVES = `(m.status in ('PENDING', 'RETRY_WAIT', 'UNKNOWN', 'IN_FLIGHT') or m.status like 'HELD%')`;

/**
 * Records the outcomes $1 (JSON list of `SettleRow`) of holder $2: attempt, delivery, `applied`, cross-reference and the lane, which is
 * released. A row whose lane has another token or holder changes nothing and its lane is missing from the answer; so the same
 * transaction run again after a COMMIT whose answer was lost changes nothing either.
 *
 * An adopted record that got its update is delivered and no duplicate any more.
 *
 * `finished_at` is set for PARKED and DEAD too: a result is written for them, once as long as they only fail the same way again. What a
 * dropped revision leaves as it was is told once more where a result has said PARKED or DEAD meanwhile.
 */
export const SETTLE: Statement = {
  name: 'delivery-settle',
  text: `
with input as (
  select * from json_to_recordset($1::json) as x(
    lane_id bigint, token bigint, delivery_id bigint, status text, error_class text, error text, step integer, next_ms float8,
    due_ms float8, review text, waiting_for jsonb, adopted boolean, uncounted boolean, target_id text, attempt_n integer,
    attempt_outcome text, attempt_doubt text, http_status integer, evidence jsonb, looked boolean, closes text,
    keeps_doubt boolean, taint_ms float8, request_hash text, effect boolean, acknowledged text, cancelled boolean, posted uuid,
    unposts boolean, forgets boolean, reversed boolean, operation text, by text)
), mine as (
  select l.id as mine_id, x.*, ${NEWEST} as newest, d.reversed as reversed_before, d.reported as reported_before,
         d.failure_told as failure_told_before,
         coalesce(d.delivered_revision, d.unchanged_revision) as before,
         case when d.delivered_revision is null then 'SKIPPED_NOCHANGE' else 'DELIVERED' end as status_before
    from input x join (
      select id, token, applied_source_version, applied_version
        from lane where id = any(array(select lane_id from input)) and holder = $2 order by id for update
    ) l on l.id = x.lane_id and l.token = x.token
    -- offset 0: by its key for each row, whatever the statistics say
    cross join lateral (
      select source_version, aggregate_version, delivered_revision, unchanged_revision, reversed, reported, failure_told
        from delivery where id = x.delivery_id offset 0
    ) d
), attempted as (
  update attempt a set outcome = m.attempt_outcome, doubt = m.attempt_doubt, ended_at = clock_timestamp(),
         gave_up_at = case when m.attempt_doubt = 'open' then clock_timestamp() else a.gave_up_at end,
         counts = not m.uncounted, error_class = m.error_class, error = m.error, http_status = m.http_status,
         evidence = a.evidence || coalesce(m.evidence, '[]'::jsonb)
    from mine m where a.delivery_id = m.delivery_id and a.n = m.attempt_n
), doubted as (
  update attempt a set doubt = coalesce(m.closes, a.doubt),
         looked_at = case when m.looked then coalesce(a.looked_at, clock_timestamp()) else a.looked_at end,
         evidence = case when m.attempt_n is null then a.evidence || coalesce(m.evidence, '[]'::jsonb) else a.evidence end
    from mine m
   where a.delivery_id = m.delivery_id and a.doubt = 'open' and a.n is distinct from m.attempt_n
     and (m.closes is not null or m.looked or (m.attempt_n is null and m.evidence is not null))
), delivered as (
  update delivery d set status = case when ${DROPPED} then m.status_before else m.status end,
         revision = case when ${DROPPED} then m.before else d.revision end,
         kind = case when ${DROPPED} then (select r.kind from revision r where r.delivery_id = d.id and r.n = m.before) else d.kind end,
         error_class = m.error_class, error = m.error, step = m.step, reversed = coalesce(m.reversed, d.reversed),
         reported = coalesce(${SAYS}, d.reported), failure_told = case when ${MOVES} then d.failure_told else ${SAYS} is not null end,
         next_attempt_at = case when m.next_ms is null then null else clock_timestamp() + m.next_ms * interval '1 ms' end,
         review = coalesce(m.review, d.review), waiting_for = m.waiting_for, adopted = (d.adopted or m.adopted) and not (m.effect and m.operation = 'update'),
         attempts = d.attempts - m.uncounted::int, target_id = coalesce(m.target_id, d.target_id),
         delivered_revision = case when m.status = 'DELIVERED' then d.revision else d.delivered_revision end,
         changed_at = clock_timestamp(),
         finished_at = case when not ${MOVES} then clock_timestamp() end
    from mine m where d.id = m.delivery_id
  returning ${RESULT_COLUMNS}, m.http_status, m.before is not null as again, ${DROPPED} as dropped,
    case when ${DROPPED} then not (m.failure_told_before or m.reported_before is not null) else coalesce(${SAYS} = m.reported_before, false) end as told,
    -- with all that the statements below need: a join of what two of them returned is planned as one of single rows, and walks
    -- over the whole of one for each row of the other
    m.mine_id, m.newest, m.effect, m.unposts, m.forgets, m.operation, m.by, m.due_ms, m.keeps_doubt, m.taint_ms, m.request_hash,
    m.cancelled, m.posted, decode(m.acknowledged, 'hex') as acknowledged, m.target_id as binds
), ledger as (
  insert into applied (connection, document, key, aggregate_version, revision, operation, delivery_id, document_id, target_id, body_hash)
  select connection, document, key, aggregate_version, revision, operation, id, document_id, target_id, acknowledged
    from delivered where (effect or unposts) and operation is not null
  on conflict do nothing
), bound as (
  insert into xref (connection, document, key, target_id, bound_by)
  select connection, document, key, binds, by from delivered where binds is not null and newest
  on conflict (connection, document, key) do update set target_id = excluded.target_id, bound_by = excluded.bound_by,
         bound_at = clock_timestamp() where xref.target_id <> excluded.target_id
)
update lane l set holder = null, until = null, wake = false,
       due_at = case when l.wake then clock_timestamp() when d.due_ms is null then null
                     else clock_timestamp() + d.due_ms * interval '1 ms' end,
       doubt = case when d.keeps_doubt then l.doubt else null end,
       tainted_until = case when d.taint_ms is null then l.tainted_until
                            else greatest(l.tainted_until, clock_timestamp() + d.taint_ms * interval '1 ms') end,
       tainted_request = case when d.taint_ms is null then l.tainted_request else decode(d.request_hash, 'hex') end,
       applied_source_version = case when ${ADVANCES} then coalesce(d.source_version, -1) else l.applied_source_version end,
       applied_version = case when ${ADVANCES} then d.aggregate_version else l.applied_version end,
       applied_revision = case when ${ADVANCES} then d.revision else l.applied_revision end,
       acknowledged = case when not d.newest then l.acknowledged when d.acknowledged is not null then d.acknowledged
                           when d.forgets then null else l.acknowledged end,
       cancelled = case when d.newest then coalesce(d.cancelled, l.cancelled) else l.cancelled end,
       posted = case when not d.newest then l.posted when d.unposts then null else coalesce(d.posted, l.posted) end,
       posted_delivery = ${postedFrom('d.id', 'l.posted_delivery')},
       posted_revision = ${postedFrom('d.revision', 'l.posted_revision')}
  from delivered d where l.id = d.mine_id
returning ${RESULT_COLUMNS}, d.http_status, d.again, d.dropped, d.told, l.token`,
};
