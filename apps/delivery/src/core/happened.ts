import type { DocumentDeclaration, WriteResult } from '#contracts';
import { inDoubt } from './failed.ts';
import type { Lane } from './lane.ts';
import { base, type Context, type Settlement } from './settlement.ts';
import { isUsableId } from './usable-id.ts';

/**
 * The id under which the target has the record. Of a fact only while it is posted: the cross-reference goes on naming what was
 * taken back, and a posting that follows has an id of its own.
 */
export const knownId = (
  { targetId, posted }: Pick<Lane, 'targetId' | 'posted'>,
  { nature }: Pick<DocumentDeclaration, 'nature'>,
): string | null => (nature === 'fact' && posted === null ? null : targetId);

export function done(ended: Extract<WriteResult, { outcome: 'done' }>, context: Context): Settlement {
  const { declaration, lane, request } = context;
  if (request.operation === 'reverse') return reversed(ended, context);
  const targetId = ended.targetId ?? (declaration.idIsKey ? lane.key : null);
  if (targetId !== null && !isUsableId(targetId))
    return inDoubt(
      {
        outcome: 'in-doubt',
        errorClass: 'PARSE',
        message: 'the answer holds an id that cannot be kept',
        httpStatus: ended.httpStatus,
      },
      context,
    );
  if (declaration.nature === 'state' && request.operation !== 'create' && isAnother(lane.targetId, targetId))
    return anotherRecord(ended, context);
  // what waits for this record needs its id: an upsert is repeated for it too, but only while nobody knows it
  const idIsNeeded =
    request.operation === 'create' || (request.operation === 'write' && knownId(lane, declaration) === null);
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
  const id = targetId ?? knownId(context.lane, context.declaration) ?? undefined;
  const settled = done({ outcome: 'done', targetId: id }, context);
  if (settled.attempt?.doubt === 'open')
    return {
      ...base(context),
      status: 'PARKED',
      errorClass: 'UNKNOWN_OUTCOME',
      error: `it took effect, but ${settled.error}: resolve it as applied with the targetId`,
    };
  return { ...settled, attempt: null, closes: 'happened' };
}
