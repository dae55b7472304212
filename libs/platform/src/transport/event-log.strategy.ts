import { BaseRpcContext, Server } from '@nestjs/microservices';
import type { CustomTransportStrategy, MessageHandler } from '@nestjs/microservices';
import { setTimeout as pause } from 'node:timers/promises';
import { lastValueFrom } from 'rxjs';
import { CrossdockError } from '#contracts';
import type {
  DeadLetter,
  EventLog,
  LogBatch,
  LogProblem,
  Outcome,
  RunningSubscription,
  StoppedPartition,
  StoredRecord,
} from '#contracts';

/** What a handler says of one record. Nothing at all means `done`. */
export interface HandlerOutcome {
  outcome: Outcome;
  /** one line, no payload; needed where the outcome is `rejected` */
  reason?: string;
  /** named in the dead letter instead of the strategy's stage */
  stage?: string;
}

/** A batch handler's answer: parallel to the records, or nothing for "all done". */
export type BatchOutcome = readonly (HandlerOutcome | void)[] | void;

export interface EventLogStrategyOptions {
  eventLog: EventLog;
  /** takes only the handlers registered with `@EventPattern(pattern, transportId, { batch: true })` */
  transportId: symbol;
  group: string;
  /** pattern -> the topics it reads; default: each pattern is a topic's name */
  topics?: Readonly<Record<string, readonly string[]>>;
  /** named in dead letters; default: the group */
  stage?: string;
  maxBatch?: number;
  /** read nothing before; the application starts without waiting for it. Who hands it over tells why it takes long or fails */
  after?: Promise<unknown>;
  onProblem?(problem: LogProblem): void;
}

/** Second argument of a handler (`@Ctx()`): the whole batch, its signal included. */
export class EventLogContext extends BaseRpcContext<[LogBatch]> {
  get batch(): LogBatch {
    return this.args[0];
  }
}

/**
 * NestJS over the event log: `@EventPattern` handlers, with pipes, guards and interceptors, that return outcomes.
 *
 * - a handler gets one `StoredRecord` at a time, with `{ batch: true }` a whole `LogBatch`; its payload comes as it is
 * - `rejected` becomes a dead letter; `retry`, `waiting` or a throw bring the whole batch again; all else is handled
 * - a pattern without a handler, a handler without a topic, two handlers for one pattern: refused at start, because
 *   Nest's own Kafka server logs such records and commits them, so they vanish
 *
 * Used by mapper and delivery, one instance for each group.
 */
export class EventLogStrategy extends Server implements CustomTransportStrategy {
  /** failures come back to us instead of being logged away */
  override readonly propagatesEventHandlerErrors = true;
  readonly #options: EventLogStrategyOptions;
  #running: RunningSubscription | undefined;
  #starting: Promise<void> | undefined;
  #closing = false;

  constructor(options: EventLogStrategyOptions) {
    super();
    this.#options = options;
    this.transportId = options.transportId;
  }

  /** Calls back when the partitions are assigned for the first time, or with the reason why not; at once where it has to wait. */
  async listen(callback: (error?: unknown) => void): Promise<void> {
    const { after } = this.#options;
    try {
      if (after === undefined) await this.#start();
      else this.#startAfter(after, this.#handlersByTopic());
    } catch (error) {
      return callback(error);
    }
    callback();
  }

  /** Finishes the batches in hand, commits, leaves the group. The event log stays open: it is its owner's. */
  async close(): Promise<void> {
    this.#closing = true;
    await this.#starting;
    await this.#running?.stop();
    this.#running = undefined;
  }

  /** Partitions that stand still because the log lost records before they were handled. */
  stopped(): readonly StoppedPartition[] {
    return this.#running?.stopped() ?? [];
  }

  /** There are no transport events to listen to. */
  on(event: string): never {
    throw new Error(`the event-log transport has no event ${event}`);
  }

  unwrap<T>(): T {
    return this.#options.eventLog as T;
  }

  /** Nobody waits for this start any more, so it is tried until it is done. */
  #startAfter(after: Promise<unknown>, handlers: ReadonlyMap<string, unknown>): void {
    const [topic = ''] = handlers.keys();
    const message = `group ${this.#options.group} could not start; it is tried again`;
    const start = async (): Promise<void> => {
      for (let tries = 0; !this.#closing; tries++)
        try {
          return await this.#start();
        } catch (cause) {
          if (tries === 0) this.#options.onProblem?.({ kind: 'unavailable', topic, partition: -1, message, cause });
          await this.#running?.stop().catch(() => {});
          this.#running = undefined;
          await pause(1_000);
        }
    };
    after.then(
      () => (this.#starting = start()),
      () => {},
    );
  }

  async #start(): Promise<void> {
    const { eventLog, group, maxBatch, onProblem } = this.#options;
    const handlers = this.#handlersByTopic();
    this.#running = await eventLog.subscribe({
      group,
      topics: [...handlers.keys()],
      maxBatch,
      onProblem: (problem) => onProblem?.(problem),
      handle: (batch) => this.#handle(handlers.get(batch.topic)!, batch),
    });
    await this.#running.ready();
  }

  #handlersByTopic(): Map<string, MessageHandler> {
    const topics = this.#options.topics ?? {};
    const byTopic = new Map<string, MessageHandler>();
    const mistakes: string[] = [];
    for (const pattern of Object.keys(topics))
      if (!this.messageHandlers.has(pattern)) mistakes.push(`no handler takes the pattern ${pattern}`);
    for (const [pattern, handler] of this.messageHandlers) {
      if (!handler.isEventHandler) mistakes.push(`the handler of ${pattern} must be an @EventPattern`);
      if (handler.next) mistakes.push(`more than one handler takes the pattern ${pattern}`);
      for (const topic of topics[pattern] ?? [pattern]) {
        if (byTopic.has(topic)) mistakes.push(`two patterns read the topic ${topic}`);
        byTopic.set(topic, handler);
      }
    }
    if (byTopic.size === 0 && mistakes.length === 0) mistakes.push('there is no handler');
    if (mistakes.length > 0)
      throw new CrossdockError('CROSSDOCK_LOG_HANDLERS', `group ${this.#options.group}: ${mistakes.join('; ')}`);
    return byTopic;
  }

  async #handle(handler: MessageHandler, batch: LogBatch): Promise<DeadLetter[]> {
    const outcomes =
      handler.extras?.['batch'] === true ? await this.#whole(handler, batch) : await this.#each(handler, batch);
    const dead: DeadLetter[] = [];
    for (const [at, record] of batch.records.entries()) {
      const outcome = outcomes[at] ?? undefined;
      if (outcome?.outcome === 'retry' || outcome?.outcome === 'waiting') throw again(record, outcome);
      if (outcome?.outcome === 'rejected') dead.push(this.#deadLetter(record, outcome));
    }
    return dead;
  }

  async #whole(handler: MessageHandler, batch: LogBatch): Promise<readonly (HandlerOutcome | void)[]> {
    const answer = (await this.#call(handler, batch, batch)) as BatchOutcome;
    if (answer === undefined || answer === null) return [];
    if (!Array.isArray(answer) || answer.length !== batch.records.length)
      throw new CrossdockError(
        'CROSSDOCK_LOG_OUTCOMES',
        `a batch handler of ${batch.topic} must return one outcome per record (${batch.records.length}) or nothing`,
      );
    return answer;
  }

  async #each(handler: MessageHandler, batch: LogBatch): Promise<(HandlerOutcome | void)[]> {
    const outcomes: (HandlerOutcome | void)[] = [];
    for (const record of batch.records) {
      if (batch.signal.aborted)
        throw new CrossdockError('CROSSDOCK_LOG_STOPPING', 'stopped within a batch', { retryable: true });
      const outcome = (await this.#call(handler, record, batch)) as HandlerOutcome | void;
      outcomes.push(outcome);
      if (outcome?.outcome === 'retry' || outcome?.outcome === 'waiting') break;
    }
    return outcomes;
  }

  /** Nest's proxies give a promise of a value or of an observable; its default filter throws plain objects. */
  async #call(handler: MessageHandler, payload: unknown, batch: LogBatch): Promise<unknown> {
    try {
      const answer: unknown = await handler(payload, new EventLogContext([batch]));
      return await lastValueFrom(this.transformToObservable(answer), { defaultValue: undefined });
    } catch (cause) {
      if (cause instanceof Error) throw cause;
      throw new CrossdockError('CROSSDOCK_LOG_HANDLER_FAILED', `the handler of ${batch.topic} failed`, {
        cause,
        retryable: true,
      });
    }
  }

  #deadLetter(record: StoredRecord, { reason, stage }: HandlerOutcome): DeadLetter {
    const { stage: own, group } = this.#options;
    return { record, reason: reason ?? 'rejected without a reason', stage: stage ?? own ?? group };
  }
}

function again(record: StoredRecord, { outcome, reason }: HandlerOutcome): CrossdockError {
  return new CrossdockError(
    'CROSSDOCK_LOG_HANDLER_RETRY',
    `the handler of ${record.topic} answered ${outcome} at offset ${record.offset}${reason ? `: ${reason}` : ''}`,
    { retryable: true },
  );
}
