import { climb, inDoubt, notSent, rejected, retry } from './failed.ts';
import { done, happened } from './happened.ts';
import { base, type Context, type Ended, type Settlement } from './settlement.ts';

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
