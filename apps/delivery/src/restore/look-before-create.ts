import type { DocumentDeclaration, FindRequest, Operation, Target, WriteRequest, WriteResult } from '#contracts';

/** What a look needs to know of a restore; see `RestoreWindow`. */
export interface Window {
  readonly open: boolean;
  readonly stoppedMs: number | undefined;
  readonly lostMs: number | undefined;
}

/** What a request may take beside the settle time until it has an effect, ms. */
const ON_THE_WAY_MS = 60_000;

/**
 * A target that may hold what the database has forgotten: while the window after a restore is open, a create is preceded by
 * a look. What is found is answered as "exists already", which delivery knows how to adopt; what is not there is created.
 * A repeat that the target itself recognises (by key, by external id) needs no look as long as it does.
 */
export function lookBeforeCreate(target: Target, window: Window): Target {
  return {
    documents: target.documents,
    find: (request: FindRequest) => target.find(request),
    probe: target.probe && ((signal: AbortSignal) => target.probe!(signal)),
    close: () => target.close(),
    write: async (request) => {
      const declaration = target.documents.get(request.document);
      const { operation } = request;
      if (declaration === undefined || !window.open || !repeats(operation, declaration)) return target.write(request);
      if (recognised(declaration, operation, window)) return target.write(request);
      return (await looked(target, declaration, window, request)) ?? target.write(request);
    },
  };
}

/** A reversal is a second effect too, and so is a fact by whatever request; an upsert of a state is not. */
const repeats = (operation: Operation, { nature }: DocumentDeclaration): boolean =>
  operation === 'create' || operation === 'reverse' || (operation === 'write' && nature === 'fact');

function recognised(declaration: DocumentDeclaration, operation: Operation, { lostMs }: Window): boolean {
  const { canFind, keyLifetimeMs, settleMs } = declaration;
  const word = declaration.repeatIsSafe[operation];
  if (word === 'by-external-id') return true;
  // Whatever the database had of those is held for a person (`crossdock restore accept`). Of all but a create a look shows nothing:
  // the posting that a reversal takes back is there in any case.
  if (word === 'never') return !canFind || operation !== 'create';
  if (word !== 'by-idempotency-key') return false;
  return keyLifetimeMs === undefined || lostMs === undefined || lostMs < keyLifetimeMs - settleMs - ON_THE_WAY_MS;
}

/** Undefined: it is not there and will not come late. */
async function looked(
  target: Target,
  declaration: DocumentDeclaration,
  window: Window,
  request: WriteRequest,
): Promise<WriteResult | undefined> {
  if (!declaration.canFind)
    return {
      outcome: 'rejected',
      errorClass: 'UNKNOWN_OUTCOME',
      message: 'may have been sent before the restore, the target forgets our keys and cannot be asked: look there',
    };
  const { document, key, requestKey, operation, signal } = request;
  const answer = await target.find({ document, key, requestKey, operation, signal });
  if (answer.found === 'failed')
    return {
      outcome: 'retry',
      errorClass: 'CONNECTION',
      message: `a look after the restore: ${answer.message}`,
      notSent: true,
    };
  // of facts of which several may stand under one key, only what carries our request key was made by us
  const several = declaration.versions === 'each' || declaration.versions === 'reversal';
  const another = several && answer.found === 'one' && !answer.requestKeyMatches;
  if (answer.found !== 'none' && !another)
    return { outcome: 'duplicate', message: 'found by a look after the restore' };
  if (window.stoppedMs === undefined || window.stoppedMs > declaration.settleMs) return undefined;
  return {
    outcome: 'retry',
    errorClass: 'INTERMITTENT',
    message: 'not there after the restore; the settle time of what was sent before is not over',
    notSent: true,
  };
}
