import type { DeliveryStatus, ErrorClass, OpenField, Operation } from '#contracts';
import type { Statement } from '#db';
import { UNFINISHED } from './unfinished.ts';

/** Stands in `review`, in place of the reason, once a person let it go. */
export const REVIEWED = '';

export interface LoadedRow {
  now: Date;
  lane_id: bigint;
  doubt: bigint | null;
  tainted_until: Date | null;
  tainted_request: string | null;
  applied_source_version: bigint | null;
  applied_version: bigint | null;
  applied_revision: number | null;
  acknowledged: string | null;
  bound_id: string | null;
  cancelled: boolean;
  posted: string | null;
  /** null: the lane has nothing unfinished of interest */
  id: bigint | null;
  document_id: string;
  flow: string;
  kind: 'document' | 'withdraw' | 'ignored' | 'rejected';
  status: DeliveryStatus;
  aggregate_version: bigint;
  source_version: bigint | null;
  revision: number;
  step: number;
  next_attempt_at: Date | null;
  error_class: ErrorClass | null;
  review: string | null;
  reason: string | null;
  hop_count: number;
  flow_paused: boolean;
  adopted: boolean;
  said_to_exist: boolean;
  reversed: boolean;
  delivered_revision: number | null;
  attempt_n: number;
  body: string | null;
  open: OpenField[] | null;
  create_only: string[] | null;
}

const LANE_AND_DELIVERY = `clock_timestamp() as now, l.id as lane_id, l.doubt, l.tainted_until, encode(l.tainted_request, 'hex') as tainted_request,
       l.applied_source_version, l.applied_version, l.applied_revision, encode(l.acknowledged, 'hex') as acknowledged,
       x.target_id as bound_id, l.cancelled, l.posted,
       d.id, d.document_id, d.flow, d.kind, d.status, d.aggregate_version, d.source_version, d.revision, d.step,
       d.next_attempt_at, d.error_class, d.review, d.reason, d.hop_count,
       exists (select 1 from flow_state f where f.flow = d.flow and f.state = 'paused') as flow_paused, d.adopted, d.reversed,
       d.delivered_revision, d.attempt_n,
       d.kind = 'withdraw' and exists (
         select 1 from attempt a where a.outcome = 'duplicate'
            and a.delivery_id in (select o.id from delivery o where o.lane_id = l.id and o.${UNFINISHED})
       ) as said_to_exist,
       r.body, r.open, r.create_only`;

/** A row is wide: what is handed through a union is copied column by column. */
const OF_DELIVERY = `id, document_id, flow, kind, status, aggregate_version, source_version, revision, step, next_attempt_at,
  error_class, review, reason, hop_count, adopted, reversed, delivered_revision, attempt_n`;

/**
 * The lanes $1, just claimed, with what may be worked on: the delivery in doubt alone if there is one; of a `state` the
 * newest waiting and the newest parked, or one that is held because it may be at the target; of a fact (document types $2) the oldest unfinished. A statement of its own after
 * the claim: its snapshot must be younger than the reset of `wake`, else an arrival between the two would be forgotten.
 */
export const LOAD: Statement = {
  name: 'delivery-load',
  text: `
select ${LANE_AND_DELIVERY}
  from lane l
  left join xref x on x.connection = l.connection and x.document = l.document and x.key = l.key
  left join lateral (
    (select ${OF_DELIVERY}, true as first from delivery where id = l.doubt)
    union all
    -- newest by the source's version, then by arrival: it supersedes the others
    (select ${OF_DELIVERY}, true from delivery
      where lane_id = l.id and l.doubt is null and l.document <> all($2::text[])
        and ${UNFINISHED} and status in ('PENDING', 'RETRY_WAIT', 'HELD_PERIOD')
      order by coalesce(source_version, -1) desc, aggregate_version desc limit 1)
    union all
    (select ${OF_DELIVERY}, true from delivery
      where lane_id = l.id and l.doubt is null and l.document <> all($2::text[])
        and ${UNFINISHED} and (status = 'PARKED' or (status = 'HELD_REVIEW' and error_class = 'UNKNOWN_OUTCOME'))
      order by status = 'HELD_REVIEW' desc, coalesce(source_version, -1) desc, aggregate_version desc limit 1)
    union all
    -- facts strictly in the order of arrival; the second one says whether more waits behind the first, without its body
    (select ${OF_DELIVERY}, rank() over (order by aggregate_version) = 1 from delivery
      where lane_id = l.id and l.doubt is null and l.document = any($2::text[]) and ${UNFINISHED}
      order by aggregate_version limit 2)
  ) d on true
  -- offset 0: by its key for each row, whatever the statistics of a young table say; a plan that walks over it is kept for long
  left join lateral (select body, open, create_only from revision where delivery_id = d.id and n = d.revision and d.first offset 0) r on true
 where l.id = any($1::bigint[])`,
};

/** Delivery $1 with its lane, whatever its status: what a person's order is about. */
export const LOAD_ONE: Statement = {
  name: 'delivery-load-one',
  text: `
select ${LANE_AND_DELIVERY}
  from delivery d
  join lane l on l.id = d.lane_id
  left join xref x on x.connection = l.connection and x.document = l.document and x.key = l.key
  left join revision r on r.delivery_id = d.id and r.n = d.revision
 where d.id = $1`,
};

export interface AttemptRow {
  delivery_id: bigint;
  n: number;
  revision: number;
  operation: Operation;
  request_key: string;
  target_id: string | null;
  body: string | null;
  request_hash: string;
  content_hash: string;
  started_at: Date;
  gave_up_at: Date;
  outcome: string | null;
  doubt: 'open' | 'happened' | 'absent' | 'person' | null;
  looked_at: Date | null;
  late_outcome: 'done' | 'rejected' | 'not-sent' | null;
  late_target_id: string | null;
}

/** The attempts of deliveries $1, in the order they were made. */
export const ATTEMPTS: Statement = {
  name: 'delivery-attempts',
  text: `
select a.delivery_id, a.n, a.revision, a.operation, a.request_key, a.target_id, case when a.body_of_revision then r.body else a.body end as body,
       encode(a.request_hash, 'hex') as request_hash, encode(a.content_hash, 'hex') as content_hash, a.started_at, a.gave_up_at, a.outcome,
       a.doubt, a.looked_at, a.late_outcome, a.late_target_id
  from attempt a left join revision r on a.body_of_revision and r.delivery_id = a.delivery_id and r.n = a.revision
 where a.delivery_id = any($1::bigint[]) order by a.delivery_id, a.n`,
};
