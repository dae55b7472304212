import { FINISHED, type DeliveryStatus, type ErrorClass } from '#contracts';
import { iso, long, money, opt } from '../api/json.ts';

/** What every question about deliveries reads. */
export const DELIVERY_COLUMNS = `d.id, d.flow, d.connection, d.document, d.key, d.event_id, d.document_id, d.aggregate_version,
  d.source_version, d.kind, d.status, d.error_class, d.error, d.review, d.reason, d.attempts, d.revision, d.waiting_for, d.target_id, d.adopted,
  case when d.status in ('PENDING', 'RETRY_WAIT') then (
    select c.quota_resets_at from connection_state c
     where c.connection = d.connection and c.quota_used >= c.quota_most and c.quota_resets_at > clock_timestamp()) end as quota_until,
  d.next_attempt_at, d.amount::text as amount, d.currency, d.bundle, d.fan_out, d.accepted_at, d.created_at, d.changed_at, d.finished_at,
  d.hop_count`;

export interface DeliveryRow {
  id: bigint;
  flow: string;
  connection: string;
  document: string;
  key: string;
  event_id: string;
  document_id: string;
  aggregate_version: bigint;
  source_version: bigint | null;
  kind: 'document' | 'withdraw' | 'ignored' | 'rejected';
  status: DeliveryStatus;
  error_class: ErrorClass | null;
  error: string | null;
  review: string | null;
  reason: string | null;
  attempts: number;
  revision: number;
  waiting_for: unknown;
  /** the connection's daily quota is used up until then */
  quota_until: Date | null;
  target_id: string | null;
  adopted: boolean;
  next_attempt_at: Date | null;
  amount: string | null;
  currency: string | null;
  bundle: string;
  fan_out: number;
  accepted_at: Date;
  created_at: Date;
  changed_at: Date;
  finished_at: Date | null;
  hop_count: number;
}

export type DeliveryItem = ReturnType<typeof deliveryItem>;

/** As the API shows it; `attempts` is the number of those that count. */
export function deliveryItem(row: DeliveryRow) {
  return {
    id: String(row.id),
    flow: row.flow,
    target: row.connection,
    document: row.document,
    key: row.key,
    eventId: row.event_id,
    documentId: row.document_id,
    aggregateVersion: String(row.aggregate_version),
    sourceVersion: long(row.source_version),
    kind: row.kind,
    status: row.status,
    errorClass: opt(row.error_class),
    error: opt(row.error),
    // empty: a person let it go
    review: row.review || undefined,
    // why the mapping does not want it; of a refusal it stands in `error`
    reason: row.kind === 'withdraw' || row.kind === 'ignored' ? opt(row.reason) : undefined,
    attempts: row.attempts,
    revision: row.revision,
    waitingFor: row.quota_until === null ? opt(row.waiting_for) : { kind: 'quota', until: iso(row.quota_until)! },
    targetId: opt(row.target_id),
    adopted: row.adopted || undefined,
    // how often our own writes to the source have caused it
    hops: row.hop_count || undefined,
    nextAttemptAt: iso(row.next_attempt_at),
    amount: row.amount === null ? undefined : money(row.amount),
    currency: opt(row.currency),
    acceptedAt: iso(row.accepted_at),
    createdAt: iso(row.created_at)!,
    changedAt: iso(row.changed_at)!,
    // what is parked or dead has a result, but is finished only for who reads results
    finishedAt: FINISHED.has(row.status) ? iso(row.finished_at) : undefined,
  };
}
