import type { Dispatcher } from 'undici';
import { notSentReason, unansweredReason } from './failure.ts';
import type { HttpRequest, HttpResult, NotSent, Unanswered } from './result.ts';

/** Our signal to undici that a request that nobody wants any more must not be written. */
class NotWanted extends Error {}

/**
 * One request over one dispatcher, once.
 *
 *     waiting ──onRequestStart──> written ──complete answer──> answered
 *        └── any failure ──> not-sent └── any failure ──> unanswered
 *
 * undici calls `onRequestStart` when the connection stands and before the first byte; a throw there writes nothing
 * (client-h1 `writeH1`; the test counts what arrives). The timeout runs from that moment. undici's own timeouts are off:
 * they are coarse and begin elsewhere.
 */
export function exchange(
  dispatcher: Dispatcher,
  request: HttpRequest & { path: string; headers: Readonly<Record<string, string>> },
  limits: { timeoutMs: number; connectTimeoutMs: number; maxAnswerBytes: number },
): Promise<HttpResult> {
  return new Promise((resolve) => {
    const { signal } = request;
    let ended = false;
    let startedAt: number | undefined;
    let timer: NodeJS.Timeout | undefined;
    let writing: Dispatcher.DispatchController | undefined;
    let head: { status: number; headers: Record<string, string> } | undefined;
    const chunks: Buffer[] = [];
    let size = 0;

    const end = (result: HttpResult): void => {
      if (ended) return;
      ended = true;
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
      resolve(result);
    };
    const notSent = (reason: NotSent['reason'], message: string): void => end({ kind: 'not-sent', reason, message });
    const unanswered = (reason: Unanswered['reason'], message: string): void => {
      end({ kind: 'unanswered', reason, message, ...head, durationMs: since(startedAt) });
      writing?.abort(new NotWanted(message));
    };
    const onAbort = (): void => {
      if (startedAt === undefined) notSent('aborted', 'given up before the request was written');
      else unanswered('aborted', 'given up while waiting for the answer');
    };

    if (signal?.aborted) return onAbort();
    signal?.addEventListener('abort', onAbort);
    // The connector has a timeout of its own; this one holds however often the socket has to be opened anew.
    timer = setTimeout(
      () => notSent('connect-timeout', 'no connection within the time allowed'),
      limits.connectTimeoutMs + 1_000,
    );

    const handler: Dispatcher.DispatchHandler = {
      onRequestStart(controller) {
        if (ended) throw new NotWanted('given up while connecting');
        // undici may put a request back into its queue after a socket failed; a second writing would be a blind resend.
        if (startedAt !== undefined) {
          unanswered('reset', 'the connection broke after the request was written');
          throw new NotWanted('written before');
        }
        try {
          request.onRequestStart?.();
        } catch (cause) {
          notSent('aborted', 'the caller stopped it just before the request was written');
          throw cause;
        }
        if (ended) throw new NotWanted('given up in the callback');
        clearTimeout(timer);
        startedAt = performance.now();
        writing = controller;
        // When this process was busy for long, the answer may lie in the socket unread: one turn of the loop for it first.
        const late = (): void => unanswered('timeout', `no complete answer within ${limits.timeoutMs} ms`);
        timer = setTimeout(() => setImmediate(late), limits.timeoutMs);
      },
      onResponseStart(_controller, status, headers) {
        if (status >= 200) head = { status, headers: plain(headers) };
      },
      onResponseData(_controller, chunk) {
        size += chunk.length;
        if (size > limits.maxAnswerBytes)
          unanswered('too-large', `the answer is larger than ${limits.maxAnswerBytes} bytes`);
        else chunks.push(chunk);
      },
      onResponseEnd() {
        if (head === undefined) return unanswered('protocol', 'the answer ended before its head');
        end({ kind: 'answered', ...head, body: Buffer.concat(chunks), durationMs: since(startedAt) });
      },
      onResponseError(_controller, error) {
        if (startedAt === undefined) notSent(...notSentReason(error));
        else unanswered(...unansweredReason(error, head !== undefined));
      },
    };
    dispatcher.dispatch(
      {
        method: request.method as Dispatcher.HttpMethod,
        path: request.path,
        headers: request.headers,
        body: request.body ?? null,
        headersTimeout: 0,
        bodyTimeout: 0,
      },
      handler,
    );
  });
}

const since = (startedAt: number | undefined): number =>
  startedAt === undefined ? 0 : Math.round(performance.now() - startedAt);

function plain(headers: Record<string, string | string[] | undefined>): Record<string, string> {
  const result: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers))
    if (value !== undefined) result[name.toLowerCase()] = Array.isArray(value) ? value.join(', ') : value;
  return result;
}
