import { storable, type FindResult, type Target, type WriteResult } from '#contracts';
import type { Lane, Prepared } from '../core/lane.ts';
import type { Ended } from '../core/settlement.ts';
import { isUsableId } from '../core/usable-id.ts';

export interface SendOptions {
  target: Target;
  lane: Lane;
  request: Prepared;
  /** monotonic ms (performance.now) taken before the attempt row was written */
  begunAt: number;
  leaseMs: number;
  timeoutMs: number;
  /** asked at the last moment: why nothing should leave now */
  stop(): 'breaker' | 'stopping' | undefined;
}

export interface Sent {
  ended: Ended;
  /** from the moment bytes may have left; 0 when none did */
  durationMs: number;
}

/** How much longer than the timeout a connector may take to say so before we stop listening to it, ms. */
const GRACE_MS = 2_000;

/**
 * Sends one request. Just before its bytes leave, the time since its attempt row is checked: over a third of the lease, it is
 * not sent, so that nobody else can hold the lane by the time it could take effect. The timeout runs from that moment.
 */
export async function send(options: SendOptions): Promise<Sent> {
  const { target, lane, request, begunAt, leaseMs, timeoutMs } = options;
  const latest = begunAt + leaseMs / 3;
  const controller = new AbortController();
  let why: 'too-late' | 'breaker' | 'stopping' | undefined;
  let leftAt: number | undefined;
  let timer = setTimeout(
    () => {
      why ??= 'too-late';
      controller.abort(new Error('no connection within a third of the lease'));
    },
    Math.max(0, latest - performance.now()),
  );
  let giveUp: (result: WriteResult) => void = () => {};
  const unanswered = new Promise<WriteResult>((resolve) => (giveUp = resolve));
  const deadline = (): void => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      controller.abort(new Error(`no answer within ${timeoutMs} ms`));
      timer = setTimeout(
        () => giveUp({ outcome: 'in-doubt', errorClass: 'INTERMITTENT', message: `no answer within ${timeoutMs} ms` }),
        GRACE_MS,
      );
    }, timeoutMs);
  };
  const answered = Promise.resolve().then(() =>
    target.write({
      document: lane.document,
      operation: request.operation,
      key: lane.key,
      requestKey: request.requestKey,
      targetId: request.targetId ?? undefined,
      body: request.body,
      signal: controller.signal,
      onRequestStart: () => {
        // the timer may be a moment before the clock: what it gave up stays given up
        const stop = why ?? (performance.now() > latest ? 'too-late' : options.stop());
        if (stop !== undefined) {
          why = stop;
          throw new Error(`not sent: ${stop}`);
        }
        // crashpoint delivery.bytes-leave
        leftAt ??= performance.now();
        deadline();
      },
    }),
  );
  const result = await Promise.race([
    answered.catch((cause: unknown): WriteResult => failed(cause, leftAt !== undefined)),
    unanswered,
  ]).finally(() => clearTimeout(timer));
  const durationMs = leftAt === undefined ? 0 : performance.now() - leftAt;
  if (why !== undefined && leftAt === undefined) return { ended: { outcome: 'not-sent', why }, durationMs: 0 };
  return { ended: result, durationMs };
}

/** A connector must not throw; if one does, what left is in doubt. */
function failed(cause: unknown, left: boolean): WriteResult {
  const message = `the connector failed: ${cause instanceof Error ? cause.message : String(cause)}`;
  return left
    ? { outcome: 'in-doubt', errorClass: 'INTERMITTENT', message }
    : { outcome: 'retry', errorClass: 'CONNECTION', message, notSent: true };
}

/** Asks the target by our key; a throw or a late answer is a failed look. */
export async function find(
  target: Target,
  lane: Lane,
  request: Pick<Prepared, 'operation' | 'requestKey'>,
  timeoutMs: number,
): Promise<FindResult> {
  const controller = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<FindResult>((resolve) => {
    timer = setTimeout(() => {
      controller.abort(new Error(`no answer within ${timeoutMs} ms`));
      resolve({ found: 'failed', message: `no answer within ${timeoutMs} ms`, evidence: 'timeout' });
    }, timeoutMs);
  });
  const asked = Promise.resolve().then(() =>
    target.find({
      document: lane.document,
      key: lane.key,
      requestKey: request.requestKey,
      operation: request.operation,
      signal: controller.signal,
    }),
  );
  const answer = await Promise.race([
    asked.catch((cause: unknown): FindResult => {
      const message = cause instanceof Error ? cause.message : String(cause);
      return { found: 'failed', message, evidence: 'the connector failed' };
    }),
    late,
  ]);
  clearTimeout(timer);
  if (answer.found === 'one' && !isUsableId(answer.targetId))
    return { found: 'failed', message: 'its id cannot be kept', evidence: storable(answer.evidence) };
  return answer;
}
