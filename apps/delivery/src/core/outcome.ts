import type { DeliveryStatus, DocumentDeclaration, ErrorClass, WriteResult } from '#contracts';
import { isBadText } from '#schema';
import type { Delivery, Lane, Prepared } from './lane.ts';
import { healsItself, PARKED_RETRY_MS, retryDelay, type Ladder } from './retry.ts';

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
  /** in [0, 1) */
  chance: number;
}

/** Longest time a Retry-After may hold a connection: what asks for more is a mistake of the target. */
const LONGEST_HOLD_MS = 3_600_000;
/** Shortest: `Retry-After: 0` and a date in the past are no leave to ask in a loop. */
const SHORTEST_HOLD_MS = 1_000;

/**
 * The table of outcomes (pipeline.md section 7) for a request that was written down as an attempt. `duplicate` is not
 * decided here: it needs a look first, see `duplicate`.
 */
export function settle(ended: Exclude<Ended, { outcome: 'duplicate' }>, context: Context): Settlement {
  switch (ended.outcome) {
    case 'done':
      return done(ended, context);
    case 'not-sent':
      return notSent(context);
    case 'retry':
      return retry(ended, context);
    case 'in-doubt':
      return inDoubt(ended, context);
    case 'rejected':
      return rejected(ended, context);
  }
}

const base = (context: Context): Settlement => ({
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

function done(ended: Extract<WriteResult, { outcome: 'done' }>, context: Context): Settlement {
  const { declaration, lane, request } = context;
  if (request.operation === 'reverse') return reversed(ended, context);
  const targetId = ended.targetId ?? (declaration.idIsKey ? lane.key : null);
  if (targetId !== null && isBadText(targetId))
    return inDoubt(
      {
        outcome: 'in-doubt',
        errorClass: 'PARSE',
        message: 'the answer holds an id with characters that no id has',
        httpStatus: ended.httpStatus,
      },
      context,
    );
  if (declaration.nature === 'state' && request.operation !== 'create' && isAnother(lane.targetId, targetId))
    return anotherRecord(ended, context);
  // what waits for this record needs its id: an upsert is repeated for it too, but only while nobody knows it
  const idIsNeeded = request.operation === 'create' || (request.operation === 'write' && lane.targetId === null);
  if (idIsNeeded && targetId === null)
    return inDoubt(
      { outcome: 'in-doubt', errorClass: 'PARSE', message: 'the answer holds no id', httpStatus: ended.httpStatus },
      context,
    );
  return {
    ...base(context),
    status: 'DELIVERED',
    step: 0,
    dueInMs: context.more ? 0 : null,
    attempt: { outcome: 'done', counts: true, doubt: null, httpStatus: ended.httpStatus ?? null },
    closes: context.doubtful ? 'happened' : null,
    effect: true,
    acknowledged: request,
    targetId: request.operation === 'cancel' ? null : targetId,
    reversed: declaration.nature === 'fact' ? false : null,
  };
}

const isAnother = (known: string | null, answered: string | null): boolean =>
  known !== null && answered !== null && known !== answered;

/**
 * An update of the record we know was answered with the id of another one. Binding that silently would send every later version, and
 * what refers to this record, somewhere else: a person says which one it is. What either record holds now is not known.
 */
function anotherRecord(ended: Extract<WriteResult, { outcome: 'done' }>, context: Context): Settlement {
  const { lane } = context;
  return {
    ...base(context),
    status: 'PARKED',
    errorClass: 'CONFLICT',
    error: `this record is ${quoted(lane.targetId)} at the target, and the answer names ${quoted(ended.targetId)}: resolve it as applied with the targetId that is right`,
    step: 0,
    attempt: { outcome: 'done', counts: true, doubt: null, httpStatus: ended.httpStatus ?? null },
    closes: context.doubtful ? 'happened' : null,
    forgets: true,
  };
}

const quoted = (id: string | null | undefined): string => JSON.stringify((id ?? '').slice(0, 100));

/** What was posted is taken back: all there is to do where the fact was withdrawn, else the new posting follows as its second step. */
function reversed(ended: Extract<WriteResult, { outcome: 'done' }>, context: Context): Settlement {
  const alone = context.delivery.kind === 'withdraw';
  return {
    ...base(context),
    status: alone ? 'DELIVERED' : 'PENDING',
    step: 0,
    dueInMs: alone && !context.more ? null : 0,
    attempt: { outcome: 'done', counts: true, doubt: null, httpStatus: ended.httpStatus ?? null },
    closes: context.doubtful ? 'happened' : null,
    effect: alone,
    acknowledged: context.request,
    unposts: true,
    forgets: true,
    reversed: !alone,
  };
}

/** Success learnt otherwise: a look that found it, or our own late answer. No new attempt. */
export function happened(context: Context, targetId: string | null): Settlement {
  return {
    ...done({ outcome: 'done', targetId: targetId ?? context.lane.targetId ?? undefined }, context),
    attempt: null,
    closes: 'happened',
  };
}

/** We did not send: nothing counts, nothing is lost. A doubt that was open before stays open. */
function notSent(context: Context): Settlement {
  return {
    ...base(context),
    status: context.doubtful ? 'UNKNOWN' : 'PENDING',
    dueInMs: 0,
    attempt: { outcome: 'not-sent', counts: false, doubt: null, httpStatus: null },
  };
}

function retry(ended: Extract<WriteResult, { outcome: 'retry' }>, context: Context): Settlement {
  const error = { errorClass: ended.errorClass, error: ended.message };
  const outcome = ended.notSent ? 'not-sent' : 'retry';
  const attempt = { outcome, counts: true, doubt: null, httpStatus: ended.httpStatus ?? null } as const;
  const waiting = context.doubtful ? 'UNKNOWN' : 'RETRY_WAIT';
  if (ended.errorClass === 'AUTH')
    return {
      ...base(context),
      ...error,
      status: context.doubtful ? 'UNKNOWN' : 'PENDING',
      dueInMs: 0,
      attempt: { ...attempt, counts: false },
      connection: { do: 'reauth', reason: ended.message },
    };
  if (ended.retryAfterMs !== undefined) {
    const forMs = Math.min(ended.retryAfterMs || SHORTEST_HOLD_MS, LONGEST_HOLD_MS);
    return {
      ...base(context),
      ...error,
      status: waiting,
      nextInMs: forMs,
      dueInMs: forMs,
      attempt,
      connection: { do: 'hold', forMs },
    };
  }
  return { ...climb(context, ended.errorClass, ended.message, waiting), attempt };
}

/** One rung up; at the end of the ladder the lane parks, and with a doubt open only a person can say what happened. */
function climb(context: Context, errorClass: ErrorClass, message: string, waiting: DeliveryStatus): Settlement {
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

function inDoubt(ended: Extract<WriteResult, { outcome: 'in-doubt' }>, context: Context): Settlement {
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

function rejected(ended: Extract<WriteResult, { outcome: 'rejected' }>, context: Context): Settlement {
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

/**
 * A create was told that the key exists, and `find` was asked. `state`: its id is adopted and an update follows in the same
 * delivery. `fact`: it is ours if it carries our request key.
 */
export function duplicate(
  context: Context,
  httpStatus: number | undefined,
  found: { id: string; ours: boolean } | 'none' | 'many' | 'failed' | 'cannot',
): Settlement {
  const attempt = { outcome: 'duplicate', counts: true, doubt: null, httpStatus: httpStatus ?? null } as const;
  if (typeof found === 'object' && (context.declaration.nature === 'state' || found.ours)) {
    const settled = happened(context, found.id);
    if (context.declaration.nature === 'fact')
      return { ...settled, closes: context.doubtful ? 'happened' : null, attempt };
    return {
      ...base(context),
      status: 'PENDING',
      dueInMs: 0,
      attempt,
      closes: context.doubtful ? 'happened' : null,
      targetId: found.id,
    };
  }
  if (found === 'failed')
    return {
      ...climb(
        context,
        'INTERMITTENT',
        'the key exists at the target, and looking it up failed',
        context.doubtful ? 'UNKNOWN' : 'RETRY_WAIT',
      ),
      attempt,
    };
  const why = {
    none: 'the target says that the key exists, and does not show it',
    many: 'the target has several records for this key',
    cannot: 'the target says that the key exists, and cannot be asked for it',
  };
  return {
    ...base(context),
    status: 'PARKED',
    errorClass: context.doubtful ? 'UNKNOWN_OUTCOME' : 'DUPLICATE',
    error: typeof found === 'object' ? 'the key exists at the target and is not ours' : why[found],
    attempt,
  };
}
