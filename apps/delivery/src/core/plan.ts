import { requestKey, type DeliveryStatus, type DocumentDeclaration, type ErrorClass, type Operation } from '#contracts';
import type { Attempt, Delivery, Lane, Prepared } from './lane.ts';
import { requestHash } from './request.ts';
import type { Reversal } from './reversal.ts';
import { isNewer } from './version.ts';

/** The document with its open fields filled; `content` is without `createOnly` fields, `create` with them. */
export type Resolved =
  | { ok: true; content: string; create: string; contentHash: string }
  | { ok: false; problem: 'missing'; missing: Missing[] }
  | { ok: false; problem: 'invalid'; message: string };

/** What a hold waits for: another record's id at this target, or a value nobody has mapped yet. */
export interface Missing {
  kind: 'reference' | 'value';
  /** document type, or value set */
  name: string;
  /** record key, or the value to be mapped */
  key: string;
}

export type Plan =
  | { do: 'wait'; dueAt: Date | null }
  /** over without a request; `effect` advances `applied` and supersedes older ones */
  | { do: 'finish'; status: Extract<DeliveryStatus, 'IGNORED' | 'SKIPPED_STALE' | 'SKIPPED_NOCHANGE'>; effect: boolean }
  | { do: 'review'; reason: string }
  /** whether there is something to withdraw: a restore may have forgotten it, or the target has `said` that there is */
  | { do: 'look-before-withdrawal'; request: Prepared; said: boolean }
  | { do: 'hold'; missing: Missing[] }
  | { do: 'fail'; errorClass: ErrorClass; message: string; stage: 'mapping' | 'delivery' }
  | { do: 'send'; request: Prepared };

/** An echo of our own writes that went around this often, and would change something yet again, is held for a person. */
const MOST_HOPS = 4;

/** What is known of the chosen delivery. */
export interface Given {
  lane: Lane;
  delivery: Delivery;
  declaration: DocumentDeclaration;
  /** undefined for markers */
  resolved: Resolved | undefined;
  /** the latest attempt of this delivery: its bytes are frozen */
  last: Attempt | undefined;
  now: Date;
  /** what the database may have forgotten of the target */
  restore?: { open: boolean; stoppedMs: number | undefined } | undefined;
  /** facts with `versions: reversal`, while something is posted */
  reversal?: Reversal | undefined;
}

/** What becomes of the chosen delivery, in the order of pipeline.md section 7: stale, review, references, unchanged, send. */
export function plan(given: Given): Plan {
  const { lane, delivery, declaration, resolved, now } = given;
  if (delivery.kind === 'ignored') return { do: 'finish', status: 'IGNORED', effect: false };
  if (declaration.nature === 'state' && !isNewer(delivery.version, lane.applied))
    return { do: 'finish', status: 'SKIPPED_STALE', effect: false };
  if (delivery.kind === 'rejected')
    return {
      do: 'fail',
      errorClass: 'MAPPING',
      message: delivery.reason ?? 'refused by the mapping',
      stage: 'mapping',
    };
  if (delivery.review !== null) return { do: 'review', reason: delivery.review };
  const early = declaration.nature === 'state' ? stateMarker(given) : factOrder(given);
  if (early !== undefined && early.do !== 'send') return early;
  if (early === undefined) {
    if (resolved === undefined)
      return { do: 'fail', errorClass: 'PARSE', message: 'a document without a body', stage: 'delivery' };
    if (!resolved.ok)
      return resolved.problem === 'missing'
        ? { do: 'hold', missing: resolved.missing }
        : { do: 'fail', errorClass: 'VALUE', message: resolved.message, stage: 'mapping' };
  }
  const sent =
    early ?? (declaration.nature === 'state' ? state(given, resolved as Ready) : fact(given, resolved as Ready));
  if (sent.do !== 'send') return sent;
  if (delivery.hopCount >= MOST_HOPS)
    return { do: 'review', reason: `went around ${delivery.hopCount} times between our own writes and the source` };
  if (declaration.nature !== 'state') return sent;
  return tainted(lane, sent.request, now) ? { do: 'wait', dueAt: lane.taintedUntil } : sent;
}

type Ready = Extract<Resolved, { ok: true }>;

/** Other bytes wait until a request we gave up can no longer take effect; the same bytes need not. */
const tainted = (lane: Lane, request: Prepared, now: Date): boolean =>
  lane.taintedUntil !== null && lane.taintedUntil > now && lane.taintedRequest !== request.requestHash;

function stateMarker({ lane, delivery, declaration, restore }: Given): Plan | undefined {
  if (delivery.kind !== 'withdraw') return undefined;
  const nothing = lane.targetId === null && lane.acknowledged === null;
  const said = delivery.saidToExist;
  if (nothing && !lane.cancelled && (said || restore?.open)) {
    if (declaration.canFind)
      return { do: 'look-before-withdrawal', request: prepare(delivery, 'cancel', null, null, ''), said };
    if (said && !delivery.reviewed)
      return { do: 'review', reason: 'withdrawn; the target said that it has the record, and cannot be asked for it' };
    // the window is open for a moment, too, where nobody could read whether it is
    if (restore?.stoppedMs !== undefined && !delivery.reviewed)
      return {
        do: 'review',
        reason: 'withdrawn; it may be at the target since before the restore, and it cannot be asked',
      };
  }
  if (nothing || lane.cancelled) return { do: 'finish', status: 'IGNORED', effect: true };
  if (!declaration.operations.has('cancel'))
    return { do: 'review', reason: 'withdrawn, and this document type has no cancel operation' };
  return { do: 'send', request: prepare(delivery, 'cancel', lane.targetId, null, lane.acknowledged ?? '') };
}

function state({ lane, delivery, declaration, last }: Given, resolved: Ready): Plan {
  if (lane.cancelled) return { do: 'review', reason: 'wanted again after it was cancelled at the target' };
  if (lane.acknowledged !== null && lane.acknowledged === resolved.contentHash)
    return { do: 'finish', status: 'SKIPPED_NOCHANGE', effect: true };
  const operation = stateOperation(lane, declaration);
  if (operation === undefined) return { do: 'review', reason: 'this connection has no operation for it' };
  return { do: 'send', request: frozen(delivery, operation, lane.targetId, resolved, last) };
}

function stateOperation(lane: Lane, declaration: DocumentDeclaration): Operation | undefined {
  if (declaration.operations.has('write')) return 'write';
  const wanted = lane.targetId === null ? 'create' : 'update';
  return declaration.operations.has(wanted) ? wanted : undefined;
}

/** What can be said of a fact before its body is looked at. */
function factOrder(given: Given): Plan | undefined {
  const { lane, delivery, declaration } = given;
  const older = lane.applied !== null && delivery.version.aggregate < lane.applied.aggregate;
  const olderAtSource = lane.applied !== null && delivery.version.source < lane.applied.source;
  if (declaration.versions === 'each') {
    if (older && !delivery.reviewed) return { do: 'review', reason: 'older than the last one posted' };
  } else if (older || olderAtSource) return { do: 'finish', status: 'SKIPPED_STALE', effect: false };
  if (delivery.kind !== 'withdraw') return undefined;
  if (lane.posted === null) return { do: 'finish', status: 'IGNORED', effect: true };
  return declaration.versions === 'reversal'
    ? reverse(given)
    : { do: 'review', reason: 'withdrawn after it was posted' };
}

function fact(given: Given, resolved: Ready): Plan {
  const { lane, delivery, declaration, last } = given;
  if (declaration.versions !== 'each' && lane.posted !== null) {
    if (lane.acknowledged === resolved.contentHash) return { do: 'finish', status: 'SKIPPED_NOCHANGE', effect: true };
    if (declaration.versions === 'reversal') return reverse(given);
    return { do: 'review', reason: 'differs from what was posted, and only one may be posted per key' };
  }
  const operation: Operation = declaration.operations.has('create') ? 'create' : 'write';
  return { do: 'send', request: frozen(delivery, operation, null, resolved, last) };
}

/**
 * Takes back what is posted: alone where the fact was withdrawn, else the first of two steps, after which nothing is posted and the
 * new one follows. That it is done is written to the lane with its outcome, so no revision does it again.
 */
function reverse({ lane, delivery, last, reversal }: Given): Plan {
  if (last?.revision === delivery.version.revision && last.operation === 'reverse' && isOf(lane.targetId, last))
    return { do: 'send', request: again(last) };
  if (reversal === undefined || !reversal.ok)
    return { do: 'review', reason: reversal?.reason ?? 'how to reverse what was posted is not known' };
  if (reversal.body === null && lane.targetId === null)
    return { do: 'review', reason: 'the id of what was posted is not known: it cannot be reversed' };
  return {
    do: 'send',
    request: prepare(delivery, 'reverse', lane.targetId, reversal.body, lane.acknowledged ?? ''),
  };
}

/** A person may have said meanwhile that it is another record: what was to be sent to the one of before is not sent again. */
const isOf = (targetId: string | null, { targetId: of }: Attempt): boolean => of === null || of === targetId;

/** The bytes of the first attempt of a revision stand; only another operation, or another record, makes new ones. */
function frozen(
  delivery: Delivery,
  operation: Operation,
  targetId: string | null,
  resolved: Ready,
  last: Attempt | undefined,
): Prepared {
  const to = operation === 'create' ? null : targetId;
  if (last?.revision === delivery.version.revision && last.operation === operation && isOf(to, last))
    return again(last);
  return prepare(
    delivery,
    operation,
    to,
    operation === 'create' ? resolved.create : resolved.content,
    resolved.contentHash,
  );
}

/** The same request once more, byte for byte, with the same key. */
export const again = (attempt: Attempt): Prepared => ({
  operation: attempt.operation,
  requestKey: attempt.requestKey,
  targetId: attempt.targetId,
  body: attempt.body,
  requestHash: attempt.requestHash,
  contentHash: attempt.contentHash,
});

function prepare(
  delivery: Delivery,
  operation: Operation,
  targetId: string | null,
  body: string | null,
  contentHash: string,
): Prepared {
  return {
    operation,
    requestKey: requestKey({
      documentId: delivery.documentId,
      revision: delivery.version.revision,
      operation,
      adopted: delivery.adopted,
    }),
    targetId,
    body,
    requestHash: requestHash(operation, body),
    contentHash,
  };
}
