import type { DeliveryStatus, DocumentDeclaration, ErrorClass, WriteResult } from '#contracts';
import type { Delivery, Lane, Prepared } from './lane.ts';
import type { Ladder } from './retry.ts';

/** How a request ended, from where delivery stands: what the target said, or why we did not send. */
export type Ended = WriteResult | { outcome: 'not-sent'; why: 'too-late' | 'breaker' | 'stopping' };

/** What the transaction that records an outcome writes. Times are offsets in ms from the database's clock. */
export interface Settlement {
  status: DeliveryStatus;
  errorClass: ErrorClass | null;
  error: string | null;
  step: number;
  /** null: none */
  nextInMs: number | null;
  /** when the lane is due again; null: when something wakes it */
  dueInMs: number | null;
  attempt: {
    outcome: 'done' | 'duplicate' | 'retry' | 'in-doubt' | 'rejected' | 'not-sent';
    counts: boolean;
    doubt: 'open' | null;
    httpStatus: number | null;
  } | null;
  /** closes what was in doubt before */
  closes: 'happened' | 'absent' | 'person' | null;
  /** taints the lane for this long */
  taintMs: number | null;
  /** took effect: advances `applied`, supersedes older ones */
  effect: boolean;
  /** the target acknowledged this request */
  acknowledged: Prepared | null;
  /** binds the target's id */
  targetId: string | null;
  /** facts: what was posted before is taken back */
  unposts: boolean;
  /** what the target holds is no longer known: nothing counts as unchanged */
  forgets: boolean;
  /** a step of this delivery is done, the next one follows; null leaves it as it is */
  reversed: boolean | null;
  /** what it means for the whole connection */
  connection: { do: 'hold'; forMs: number } | { do: 'reauth'; reason: string } | null;
}

/** `alone`: again, while others go through. */
export type Told = 'first' | 'again' | 'alone';

export interface Context {
  lane: Lane;
  delivery: Delivery;
  request: Prepared;
  declaration: DocumentDeclaration;
  ladder: Ladder;
  /** other attempts of this delivery are in doubt while this one went out */
  doubtful: boolean;
  /** more of this lane may be ready behind it */
  more: boolean;
  /** whether an answer that speaks of the connection was given to this record before */
  told: Told;
  /** how long a connection pauses before credentials that were refused are tried, ms */
  reauthMs: number;
  /** in [0, 1) */
  chance: number;
}

/** Changes nothing: what every outcome starts from. */
export const base = (context: Context): Settlement => ({
  status: 'PENDING',
  errorClass: null,
  error: null,
  step: context.delivery.step,
  nextInMs: null,
  dueInMs: null,
  attempt: null,
  closes: null,
  taintMs: null,
  effect: false,
  acknowledged: null,
  targetId: null,
  unposts: false,
  forgets: false,
  reversed: null,
  connection: null,
});
