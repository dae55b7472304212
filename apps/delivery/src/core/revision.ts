import type { DeliveryStatus, DocumentDeclaration } from '#contracts';
import { LOOK_THERE, mayBeThere } from './choose.ts';
import type { Delivery, Lane } from './lane.ts';

/** Statuses in which nothing of a delivery is out and nothing of it took effect: people and replays may change it. */
export const WAITING: ReadonlySet<DeliveryStatus> = new Set([
  'PENDING',
  'RETRY_WAIT',
  'HELD_DEPENDENCY',
  'HELD_APPROVAL',
  'HELD_CREDIT',
  'HELD_PERIOD',
  'HELD_REVIEW',
  'PARKED',
  'DEAD',
]);

/** What a replay or an edit meets. */
export interface Met {
  lane: Lane;
  delivery: Delivery;
  declaration: DocumentDeclaration;
  /** a newer version of the record is there, and was neither cancelled nor ignored */
  newer: boolean;
}

export interface Replayed {
  kind: Delivery['kind'];
  /** the content is that of the revision in force */
  same: boolean;
  /** `resend: changed` was asked */
  resend: boolean;
}

/** A new revision, or why nothing happens. */
export type Revising = { do: 'revise' } | { do: 'nothing'; why: string };

const nothing = (why: string): Revising => ({ do: 'nothing', why });

/**
 * A replayed event by what it finds (pipeline.md section 7):
 *
 *     open doubt or in flight, may be there since a restore ──────> nothing
 *     waiting, held, parked, dead ── new content ─────────────────> new revision
 *     delivered state, still the newest, resend asked ── differs ─> new revision
 *     delivered fact with reversals, is posted, the same ─────────> new revision: reverses, then posts
 *     all else ───────────────────────────────────────────────────> nothing
 *
 * What changed nothing when it came, because the target had it already, is as good as delivered: an echo is the newest of most records.
 * So replaying twice, or replaying what went through, never makes a second document.
 */
export function replay(met: Met, replayed: Replayed): Revising {
  const { lane, delivery, declaration, newer } = met;
  if (lane.doubt !== null) return nothing('a request of this record is open or in doubt');
  if (mayBeThere(delivery)) return nothing(LOOK_THERE);
  if (WAITING.has(delivery.status)) {
    if (replayed.same) return nothing(`its content is the same, and it is ${delivery.status}: retry it`);
    if (delivery.reversed && replayed.kind === 'ignored')
      return nothing('what was posted before is reversed already: it can only be completed');
    return { do: 'revise' };
  }
  const { status } = delivery;
  if (status !== 'DELIVERED' && status !== 'SKIPPED_NOCHANGE') return nothing(`it is ${status}`);
  if (!replayed.resend) return nothing(`it is ${status}, and sending it again if it changed was not asked`);
  if (newer || !isApplied(delivery, lane)) return nothing('a newer version of this record is there');
  if (replayed.same) return nothing(`it is ${status} with the same content`);
  if (replayed.kind === 'ignored' || replayed.kind === 'rejected')
    return nothing(`it is ${status}, and the mapping answers ${replayed.kind} by now`);
  if (declaration.nature === 'state') return { do: 'revise' };
  // the newest that took effect: what is posted is its own, or the same of an older version
  if (declaration.versions === 'reversal' && lane.posted !== null) return { do: 'revise' };
  return nothing('it was posted: only a reversal could change that');
}

/** A person corrects what is to be sent. What may be there already is not sent in other words before somebody has looked. */
export function edit({ lane, delivery }: Met): Revising {
  if (lane.doubt !== null) return nothing('a request of this record is open or in doubt: resolve it first');
  if (mayBeThere(delivery)) return nothing(LOOK_THERE);
  if (!WAITING.has(delivery.status))
    return nothing(`it is ${delivery.status}: only what waits, is held, parked or dead can be edited`);
  if (delivery.kind === 'withdraw') return nothing('it takes something back: there is no document to edit');
  return { do: 'revise' };
}

const isApplied = ({ version }: Delivery, { applied }: Lane): boolean =>
  applied !== null && version.source === applied.source && version.aggregate === applied.aggregate;
