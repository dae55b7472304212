import type { Attempt, Delivery, Lane } from '../core/lane.ts';
import type { ClaimedRow } from '../sql/claim.ts';
import { REVIEWED, type AttemptRow, type LoadedRow } from '../sql/load.ts';

/** What the statements answer, as the decisions know it. */
export const laneOf = (
  row: LoadedRow,
  claimed: Pick<ClaimedRow, 'token' | 'document' | 'key'>,
  connection: string,
): Lane => ({
  id: row.lane_id,
  connection,
  document: claimed.document,
  key: claimed.key,
  token: claimed.token,
  doubt: row.doubt,
  taintedUntil: row.tainted_until,
  taintedRequest: row.tainted_request,
  applied:
    row.applied_version === null
      ? null
      : {
          source: row.applied_source_version ?? -1n,
          aggregate: row.applied_version,
          revision: row.applied_revision ?? 1,
        },
  acknowledged: row.acknowledged,
  targetId: row.bound_id,
  cancelled: row.cancelled,
  posted: row.posted,
});

export const deliveryOf = (row: LoadedRow, id: bigint): Delivery => ({
  id,
  documentId: row.document_id,
  flow: row.flow,
  kind: row.kind,
  status: row.status,
  version: { source: row.source_version ?? -1n, aggregate: row.aggregate_version, revision: row.revision },
  step: row.step,
  nextAttemptAt: row.next_attempt_at,
  errorClass: row.error_class,
  review: row.review || null,
  reviewed: row.review === REVIEWED,
  reason: row.reason,
  hopCount: row.hop_count,
  flowPaused: row.flow_paused,
  adopted: row.adopted,
  saidToExist: row.said_to_exist,
  reversed: row.reversed,
  deliveredRevision: row.delivered_revision,
  attemptN: row.attempt_n,
  body: row.body,
  open: row.open ?? [],
  createOnly: row.create_only ?? [],
});

export const attemptOf = (row: AttemptRow): Attempt => ({
  n: row.n,
  revision: row.revision,
  operation: row.operation,
  requestKey: row.request_key,
  targetId: row.target_id,
  body: row.body,
  requestHash: row.request_hash,
  contentHash: row.content_hash,
  startedAt: row.started_at,
  gaveUpAt: row.gave_up_at,
  outcome: row.outcome,
  doubt: row.doubt,
  lookedAt: row.looked_at,
  lateOutcome: row.late_outcome,
  lateTargetId: row.late_target_id,
});
