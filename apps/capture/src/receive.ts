import type { RawEvent, RawRequest } from '#contracts';
import { logger, type Metrics } from '#platform';
import { answerItems, problem, refusedItem, type Answer, type AnswerItem } from './answer.ts';
import { codeOf, fault, isAway } from './fault.ts';
import { inflateBody, MAX_BYTES, tooLarge } from './inflate.ts';
import type { Sources } from './sources.ts';
import type { Store } from './store.ts';

/** ms. A database that hangs must not hang the sender: it repeats, and the repeat finds what was kept. */
const DEADLINE = 5_000;

/** Waiting for a database that is away is the sender's part: it keeps the event. */
const RETRY_AFTER = { 'retry-after': '2' };

/** Called once per request by the controller, many in parallel. The checks stand in the order of their price. */
export class Receive {
  readonly #sources: Sources;
  readonly #store: Store;
  readonly #metrics: Metrics;
  readonly #now: () => Date;

  constructor(sources: Sources, store: Store, metrics: Metrics, now: () => Date = () => new Date()) {
    this.#sources = sources;
    this.#store = store;
    this.#metrics = metrics;
    this.#now = now;
  }

  /**
   * `request.body` is as it came over the wire, not inflated yet. `hold` is told of work that may outlast the answer: what waits for
   * a database that hangs still takes memory and a connection.
   */
  async receive(name: string, request: RawRequest, hold: (work: Promise<unknown>) => void = () => {}): Promise<Answer> {
    const started = performance.now();
    const connection = this.#sources.get(name) === undefined ? 'unknown' : name;
    let status = 500;
    try {
      const answer = await this.#answer(name, request, hold);
      status = answer.status;
      return answer;
    } finally {
      this.#metrics.count('captureRequests', { connection, status: String(status) });
      this.#metrics.observe('captureSeconds', { connection }, (performance.now() - started) / 1000);
    }
  }

  async #answer(name: string, incoming: RawRequest, hold: (work: Promise<unknown>) => void): Promise<Answer> {
    if (incoming.body.length > MAX_BYTES) return refuse(tooLarge('the body'));
    const inflated = await inflateBody(incoming.body, incoming.headers['content-encoding']);
    if (!inflated.ok && inflated.status === 413) return refuse(inflated);

    const request = inflated.ok ? { ...incoming, body: inflated.body } : incoming;
    const now = this.#now();
    const open = this.#sources.get(name);
    const verified = (open?.source ?? this.#sources.decoy).verify(request, now);
    if (open === undefined)
      return problem(
        404,
        'CROSSDOCK_CAPTURE_UNKNOWN_CONNECTION',
        'there is no connection of this name that takes requests',
      );
    if (!verified.ok) return problem(401, verified.code, verified.detail);
    if (!inflated.ok) return refuse(inflated);

    const split = open.source.split(request, now);
    if (!split.ok) return problem(split.status, split.code, split.detail);

    const events = split.items.flatMap((item) => (item.ok ? [item.event] : []));
    // crashpoint capture.before-keep
    const stored = await this.#keep(() => this.#store.keep(open.connection, events), hold);
    if (stored === 'away')
      return problem(503, 'CROSSDOCK_CAPTURE_UNAVAILABLE', 'nothing was taken for sure; send it again', {
        headers: RETRY_AFTER,
      });
    this.#countDefects(name, events, stored);
    const kept = stored.values();
    const items = split.items.map((item) => (item.ok ? kept.next().value! : refusedItem(item)));
    for (const { result } of items) this.#metrics.count('captureItems', { connection: name, result });
    return answerItems(items);
  }

  /** What can be kept and never become an event is rejected as it is kept. */
  #countDefects(connection: string, events: readonly RawEvent[], stored: readonly AnswerItem[]): void {
    for (const [at, { result }] of stored.entries())
      if (result === 'accepted' && events[at]!.defect)
        this.#metrics.count('normalised', { connection, result: 'rejected' });
  }

  /** What the database says, or that it cannot say for sure. */
  async #keep(
    work: () => Promise<AnswerItem[]>,
    hold: (work: Promise<unknown>) => void,
  ): Promise<AnswerItem[] | 'away'> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<'away'>((resolve) => {
      timer = setTimeout(() => resolve('away'), DEADLINE);
    });
    const kept = work().catch((error: unknown) => {
      if (!isAway(error)) throw fault('keeping a request', error);
      logger('capture').warn({ code: codeOf(error) }, 'the database did not take a request');
      return 'away' as const;
    });
    hold(kept);
    return Promise.race([kept, late]).finally(() => clearTimeout(timer));
  }
}

function refuse({ status, code, detail }: { status: number; code: string; detail: string }): Answer {
  return problem(status, code, detail, status === 413 ? { headers: { connection: 'close' } } : {});
}
