import type { DeliveryStatus, ErrorClass, WriteResult } from '#contracts';
import { closedPeriodDelay, healsItself, PARKED_RETRY_MS, retryDelay } from './retry.ts';
import { base, type Context, type Settlement } from './settlement.ts';

/** Longest time a Retry-After may hold a connection: what asks for more is a mistake of the target. */
const LONGEST_HOLD_MS = 3_600_000;
/** Shortest: `Retry-After: 0` and a date in the past are no leave to ask in a loop. */
const SHORTEST_HOLD_MS = 1_000;

/** We did not send: nothing counts, nothing is lost. A doubt that was open before stays open. */
export function notSent(context: Context): Settlement {
  return {
    ...base(context),
    status: context.doubtful ? 'UNKNOWN' : 'PENDING',
    dueInMs: 0,
    attempt: { outcome: 'not-sent', counts: false, doubt: null, httpStatus: null },
  };
}

/** So long after the end of a hold is tried who was the cause of it more than once. */
const AFTER_THE_OTHERS_MS = 1_000;

type Retry = Extract<WriteResult, { outcome: 'retry' }>;

export function retry(ended: Retry, context: Context): Settlement {
  const error = { errorClass: ended.errorClass, error: ended.message };
  const outcome = ended.notSent ? 'not-sent' : 'retry';
  const attempt = { outcome, counts: true, doubt: null, httpStatus: ended.httpStatus ?? null } as const;
  const waiting = context.doubtful ? 'UNKNOWN' : 'RETRY_WAIT';
  if (ended.errorClass === 'AUTH' && context.told !== 'alone')
    return {
      ...base(context),
      ...error,
      status: context.doubtful ? 'UNKNOWN' : 'PENDING',
      // next time others show first whether it is the credentials: it is due when they were (`AFTER_THE_OTHERS`), or by then
      dueInMs: context.told === 'first' ? 0 : 2 * context.reauthMs,
      attempt: { ...attempt, counts: false },
      connection: { do: 'reauth', reason: ended.message },
    };
  if (ended.errorClass === 'CLOSED_PERIOD' && !context.doubtful) {
    const askAgain = closedPeriodDelay(context.ladder);
    return { ...base(context), ...error, status: 'HELD_PERIOD', nextInMs: askAgain, dueInMs: askAgain, attempt };
  }
  const forMs =
    ended.retryAfterMs === undefined ? 0 : Math.min(ended.retryAfterMs || SHORTEST_HOLD_MS, LONGEST_HOLD_MS);
  if (forMs > 0 && isOfConnection(ended) && context.told !== 'alone') {
    // next time others show first whether it is the record
    const nextInMs = forMs + (context.told === 'first' ? 0 : AFTER_THE_OTHERS_MS);
    return {
      ...base(context),
      ...error,
      status: waiting,
      nextInMs,
      dueInMs: nextInMs,
      attempt,
      connection: { do: 'hold', forMs },
    };
  }
  return { ...notBefore(forMs, climb(context, ended.errorClass, ended.message, waiting)), attempt };
}

/**
 * An answer that is about the connection, as long as nothing says that it is about the record: credentials refused, too many
 * requests, not available for so long. Other statuses with a Retry-After (a record that is locked) are about the record.
 */
export const isOfConnection = ({ errorClass, httpStatus, retryAfterMs }: Retry): boolean =>
  errorClass === 'AUTH' || errorClass === 'RATE_LIMIT' || (httpStatus === 503 && retryAfterMs !== undefined);

/** Climbs as ever, and waits at least as long as it was told to. */
function notBefore(ms: number, climbed: Settlement): Settlement {
  if (climbed.nextInMs === null) return climbed;
  const wait = Math.max(climbed.nextInMs, ms);
  return { ...climbed, nextInMs: wait, dueInMs: wait };
}

export function rejected(ended: Extract<WriteResult, { outcome: 'rejected' }>, context: Context): Settlement {
  const attempt = { outcome: 'rejected', counts: true, doubt: null, httpStatus: ended.httpStatus ?? null } as const;
  if (context.doubtful)
    return {
      ...base(context),
      status: 'PARKED',
      errorClass: 'UNKNOWN_OUTCOME',
      error: `a repeat was refused while it is unknown whether an earlier request took effect: ${ended.message}`,
      attempt,
    };
  return {
    ...base(context),
    status: 'DEAD',
    errorClass: ended.errorClass,
    error: ended.message,
    dueInMs: 0,
    attempt,
  };
}

/** One rung up; at the end of the ladder the lane parks, and with a doubt open only a person can say what happened. */
export function climb(context: Context, errorClass: ErrorClass, message: string, waiting: DeliveryStatus): Settlement {
  const wait = retryDelay(context.ladder, context.delivery.step, context.chance);
  if (wait !== undefined)
    return {
      ...base(context),
      status: waiting,
      errorClass,
      error: message,
      step: context.delivery.step + 1,
      nextInMs: wait,
      dueInMs: wait,
    };
  const doubtful = waiting === 'UNKNOWN';
  const again = !doubtful && healsItself(errorClass) ? PARKED_RETRY_MS : null;
  return {
    ...base(context),
    status: 'PARKED',
    errorClass: doubtful ? 'UNKNOWN_OUTCOME' : errorClass,
    error: message,
    step: context.delivery.step,
    nextInMs: again,
    dueInMs: again,
  };
}

export function inDoubt(ended: Extract<WriteResult, { outcome: 'in-doubt' }>, context: Context): Settlement {
  const { declaration, request } = context;
  const climbed = climb(context, ended.errorClass, ended.message, 'UNKNOWN');
  const word = declaration.repeatIsSafe[request.operation];
  const looks = word === 'look-first' && climbed.status === 'UNKNOWN'; // a look is harmless: at once
  return {
    ...climbed,
    ...(looks || word === 'never' ? { nextInMs: null, dueInMs: 0 } : {}),
    attempt: { outcome: 'in-doubt', counts: true, doubt: 'open', httpStatus: ended.httpStatus ?? null },
    taintMs: declaration.settleMs,
  };
}
