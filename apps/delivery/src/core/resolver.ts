import type { DocumentDeclaration, ErrorClass, FindResult, Operation, RepeatIsSafe } from '#contracts';
import type { Attempt, Delivery, Prepared } from './lane.ts';
import { again } from './plan.ts';

/** Times that bound a request of this connection, ms. */
export interface Bounds {
  leaseMs: number;
  timeoutMs: number;
}

/**
 * The way out of a doubt, by what the connector declares for the operation in doubt.
 *
 *     late answer of ours ──────────────> what it said
 *     by key, by external id, repeatable > the same bytes again
 *     look-first ──> look ──found───────> it happened
 *                     └─empty─> wait for the settle time ──> look ──empty──> the same bytes again
 *     never, many hits ─────────────────> a person
 *
 * A key that the target may have forgotten is looked up first where a look shows what the request did, else a person decides.
 */
export type Resolution =
  | { do: 'wait'; dueAt: Date | null }
  | { do: 'repeat'; request: Prepared; absent: boolean }
  | { do: 'look'; attempt: Attempt }
  | { do: 'happened'; attempt: Attempt; targetId: string | null }
  /** a late answer says of every doubt that it did not happen */
  | { do: 'not-happened'; attempt: Attempt; refused: boolean }
  | { do: 'park'; errorClass: ErrorClass; message: string };

export const doubtsOf = (attempts: readonly Attempt[]): Attempt[] =>
  attempts.filter((attempt) => attempt.doubt === 'open' || attempt.outcome === null);

/** When the last request in doubt can no longer take effect. */
export const settledAt = (doubts: readonly Attempt[], settleMs: number): Date =>
  new Date(Math.max(...doubts.map((attempt) => attempt.gaveUpAt.getTime())) + settleMs);

/** Update and cancel of full state by a known id count as repeatable unless declared otherwise. */
export function repeatWord(declaration: DocumentDeclaration, operation: Operation): RepeatIsSafe {
  const declared = declaration.repeatIsSafe[operation];
  if (declared !== undefined) return declared;
  return operation === 'update' || operation === 'cancel' ? 'by-external-id' : 'never';
}

/** Called for a claimed lane with an open doubt; `attempts` are those of the doubtful delivery. */
export function resolve(
  delivery: Delivery,
  attempts: readonly Attempt[],
  declaration: DocumentDeclaration,
  now: Date,
  bounds: Bounds,
): Resolution {
  const doubts = doubtsOf(attempts);
  const last = doubts.at(-1);
  if (last === undefined) return { do: 'wait', dueAt: null };
  const happened = doubts.find((attempt) => attempt.lateOutcome === 'done');
  if (happened !== undefined) return { do: 'happened', attempt: happened, targetId: happened.lateTargetId };
  if (doubts.every((attempt) => attempt.lateOutcome !== null))
    return { do: 'not-happened', attempt: last, refused: last.lateOutcome === 'rejected' };
  if (delivery.status === 'PARKED') return { do: 'wait', dueAt: null };
  if (delivery.nextAttemptAt !== null && delivery.nextAttemptAt > now)
    return { do: 'wait', dueAt: delivery.nextAttemptAt };
  const word = repeatWord(declaration, last.operation);
  if (word === 'by-external-id') return { do: 'repeat', request: again(last), absent: false };
  if (word === 'by-idempotency-key' && keyStillKnown(last, attempts, declaration, now, bounds))
    return { do: 'repeat', request: again(last), absent: false };
  if (word === 'never') return park('sent and unanswered; this operation can be neither repeated nor looked up');
  if (!declaration.canFind) return park('sent and unanswered; the target no longer knows our key and cannot be asked');
  if (!isShownByLook(declaration, last.operation, word))
    return park(`sent and unanswered; that the record is there does not show whether this ${last.operation} was done`);
  const settled = settledAt(doubts, declaration.settleMs);
  if (doubts.some((attempt) => attempt.lookedAt !== null) && now < settled) return { do: 'wait', dueAt: settled };
  return { do: 'look', attempt: last };
}

/**
 * A create is shown by its record, a posting by the request key it carries (which `find` of a fact compares). Of what was done to
 * a record that was there before, a look shows nothing; of a reversal that is a request of its own only where the author says so.
 */
function isShownByLook(
  { nature, reverseBySwap }: DocumentDeclaration,
  operation: Operation,
  word: RepeatIsSafe,
): boolean {
  if (operation === 'reverse') return reverseBySwap !== undefined || word === 'look-first';
  return operation === 'create' || nature === 'fact';
}

function keyStillKnown(
  last: Attempt,
  attempts: readonly Attempt[],
  declaration: DocumentDeclaration,
  now: Date,
  bounds: Bounds,
): boolean {
  const until = keyKnownUntil(last, attempts, declaration, bounds);
  return until === null || now <= until;
}

/** Until the key's end less what a request may take to arrive and take effect, counted from the first attempt with it; null: for ever. */
function keyKnownUntil(
  last: Attempt,
  attempts: readonly Attempt[],
  { keyLifetimeMs, settleMs }: DocumentDeclaration,
  { leaseMs, timeoutMs }: Bounds,
): Date | null {
  if (keyLifetimeMs === undefined) return null;
  const first = attempts.find((attempt) => attempt.requestKey === last.requestKey) ?? last;
  return new Date(first.startedAt.getTime() + keyLifetimeMs - (leaseMs / 3 + timeoutMs + settleMs));
}

/** Until when what was decided as a repeat may be written down as an attempt, by the database's clock; null: it does not end. */
export function repeatableUntil(
  attempts: readonly Attempt[],
  declaration: DocumentDeclaration,
  bounds: Bounds,
): Date | null {
  const last = doubtsOf(attempts).at(-1);
  if (last === undefined || repeatWord(declaration, last.operation) !== 'by-idempotency-key') return null;
  return keyKnownUntil(last, attempts, declaration, bounds);
}

const park = (message: string): Resolution => ({ do: 'park', errorClass: 'UNKNOWN_OUTCOME', message });

export type Looked =
  | { do: 'happened'; targetId: string }
  | { do: 'repeat'; request: Prepared; absent: true }
  | { do: 'wait-for-settle'; dueAt: Date }
  | { do: 'look-again' }
  | { do: 'park'; errorClass: ErrorClass; message: string };

/**
 * What a look says. `askedAt` is when it was begun: only a look begun after the settle time proves absence, and it must be
 * the second empty one. A look that failed is not absence.
 */
export function looked(
  answer: FindResult,
  attempts: readonly Attempt[],
  declaration: DocumentDeclaration,
  askedAt: Date,
): Looked {
  const doubts = doubtsOf(attempts);
  if (answer.found === 'failed') return { do: 'look-again' };
  if (answer.found === 'many')
    return { do: 'park', errorClass: 'DUPLICATE', message: `the target has ${answer.count} records for this key` };
  if (answer.found === 'one' && (declaration.nature === 'state' || answer.requestKeyMatches))
    return { do: 'happened', targetId: answer.targetId };
  const settled = settledAt(doubts, declaration.settleMs);
  const first = doubts.every((attempt) => attempt.lookedAt === null);
  if (first || askedAt < settled) return { do: 'wait-for-settle', dueAt: settled };
  return { do: 'repeat', request: again(doubts.at(-1)!), absent: true };
}
