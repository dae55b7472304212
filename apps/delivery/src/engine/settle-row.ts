import { storable, type DocumentDeclaration } from '#contracts';
import type { Settlement } from '../core/settlement.ts';
import type { Delivery, Lane } from '../core/lane.ts';
import type { SettleRow } from '../sql/settle.ts';
import type { ToSettle } from './store.ts';

/** A row that changes nothing but what is named. */
export function rowFor(lane: Lane, delivery: Delivery, status: string, changes: Partial<SettleRow> = {}): SettleRow {
  return {
    lane_id: String(lane.id),
    token: String(lane.token),
    delivery_id: String(delivery.id),
    status,
    error_class: null,
    error: null,
    step: delivery.step,
    next_ms: null,
    due_ms: null,
    review: null,
    waiting_for: null,
    adopted: false,
    uncounted: false,
    target_id: null,
    attempt_n: null,
    attempt_outcome: null,
    attempt_doubt: null,
    http_status: null,
    evidence: null,
    looked: false,
    closes: null,
    keeps_doubt: false,
    taint_ms: null,
    request_hash: null,
    effect: false,
    acknowledged: null,
    cancelled: null,
    posted: null,
    unposts: false,
    forgets: false,
    reversed: null,
    operation: null,
    by: `delivery ${delivery.id}`,
    ...changes,
  };
}

/** The row of a settlement. `attemptN` is the attempt it belongs to; `doubtful` says that others stay in doubt otherwise. */
export function settleRow(
  lane: Lane,
  delivery: Delivery,
  declaration: DocumentDeclaration,
  settlement: Settlement,
  attemptN: number | null,
  doubtful: boolean,
  more: { evidence?: unknown; requestHash?: string } = {},
): ToSettle {
  const { acknowledged, attempt } = settlement;
  const cancels = acknowledged?.operation === 'cancel';
  const row = rowFor(lane, delivery, settlement.status, {
    error_class: settlement.errorClass,
    error: settlement.error === null ? null : storable(settlement.error),
    step: settlement.step,
    next_ms: settlement.nextInMs,
    due_ms: settlement.dueInMs,
    adopted: attempt?.outcome === 'duplicate' && settlement.targetId !== null,
    uncounted: attempt !== null && !attempt.counts,
    target_id: settlement.targetId,
    attempt_n: attempt === null ? null : attemptN,
    attempt_outcome: attempt?.outcome ?? null,
    attempt_doubt: attempt?.doubt ?? null,
    http_status: attempt?.httpStatus ?? null,
    evidence: more.evidence ?? null,
    closes: settlement.closes,
    keeps_doubt: attempt?.doubt === 'open' || (doubtful && settlement.closes === null),
    taint_ms: settlement.taintMs,
    request_hash: more.requestHash ?? null,
    effect: settlement.effect,
    acknowledged: settlement.unposts ? null : acknowledged?.contentHash || null,
    cancelled: acknowledged === null || declaration.nature === 'fact' ? null : cancels,
    posted: acknowledged !== null && declaration.nature === 'fact' && !settlement.unposts ? delivery.documentId : null,
    unposts: settlement.unposts,
    forgets: settlement.forgets,
    reversed: settlement.reversed,
    operation: acknowledged?.operation ?? null,
  });
  return { row, lane, nature: declaration.nature };
}
