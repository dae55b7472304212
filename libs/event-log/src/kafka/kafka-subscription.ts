import type { Consumer, EachBatchPayload, IHeaders, Kafka, KafkaMessage } from 'kafkajs';
import type { EventLog, LogProblem, RunningSubscription, StoredRecord, Subscription } from '#contracts';
import { handleUntilDone, pauseFor } from '../handling.ts';
import { findHole } from '../hole.ts';
import { RETRY } from './client.ts';
import { outOfRange } from './patches.ts';

const DEFAULT_MAX_BATCH = 500;
/** kafkajs fetches nothing from a broker until all its batches are handled; a slower one lets the others go on */
const PATIENCE_MS = 200;
const FETCH_WAIT_MS = 250;
const RESTART_AFTER_MS = 1_000;
const STOP_LIMIT_MS = 15_000;

export interface KafkaSubscriptionOptions {
  kafka: Kafka;
  append: EventLog['append'];
  sessionMs: number;
}

/** What kafkajs's Batch also has: control records and aborted ones included, so offsets are dense. */
interface WholeBatch {
  fetchedOffset: string;
  messagesWithinOffset: readonly { offset: string }[];
}

/** One partition's work, over all generations: never two batches of it at a time. */
interface Lane {
  tail: Promise<unknown>;
  broken: boolean;
}

/**
 * A member of a Kafka group on kafkajs's `eachBatch`.
 *
 * A batch is handled and committed by us; kafkajs is told only then that it is done. One that takes longer than 200 ms
 * (a failing handler, mostly) has its partition paused and goes on in the background, because kafkajs fetches nothing
 * from a broker before all of its batches are handled, and cannot heartbeat meanwhile. Each (re)join is a new generation:
 * what an earlier one has in hand is lost and not committed.
 */
export class KafkaSubscription implements RunningSubscription {
  readonly #subscription: Subscription;
  readonly #options: KafkaSubscriptionOptions;
  readonly #lanes = new Map<string, Lane>();
  readonly #stopping = new AbortController();
  readonly #joined = Promise.withResolvers<void>();
  readonly #onOutOfRange = (place: { groupId: string; memberId: string; topic: string; partition: number }): void => {
    if (place.memberId === this.#memberId) this.#retentionPassed(place.topic, place.partition);
  };
  /** aborted by the next join */
  #generation = new AbortController();
  #memberId = '';
  #consumer!: Consumer;
  #restart: NodeJS.Timeout | undefined;
  #stopped: Promise<void> | undefined;

  constructor(subscription: Subscription, options: KafkaSubscriptionOptions) {
    this.#subscription = subscription;
    this.#options = options;
    outOfRange.on('place', this.#onOutOfRange);
  }

  ready(): Promise<void> {
    return this.#joined.promise;
  }

  async start(): Promise<void> {
    const { kafka, sessionMs } = this.#options;
    const { group, topics } = this.#subscription;
    const consumer = kafka.consumer({
      groupId: group,
      sessionTimeout: sessionMs,
      heartbeatInterval: Math.round(sessionMs / 6),
      rebalanceTimeout: 30_000,
      maxWaitTimeInMs: FETCH_WAIT_MS,
      allowAutoTopicCreation: false,
      retry: { ...RETRY, restartOnFailure: async () => true },
    });
    this.#consumer = consumer;
    consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
      this.#memberId = payload.memberId;
      this.#generation.abort();
      this.#generation = new AbortController();
      this.#joined.resolve();
    });
    consumer.on(consumer.events.CRASH, ({ payload }) => this.#crashed(consumer, payload.error, payload.restart));
    await consumer.connect();
    await consumer.subscribe({ topics: [...topics], fromBeginning: true });
    await consumer.run({
      autoCommit: false,
      eachBatchAutoResolve: false,
      partitionsConsumedConcurrently: 64,
      eachBatch: (payload) => this.#eachBatch(payload),
    });
  }

  stop(): Promise<void> {
    return (this.#stopped ??= this.#stop());
  }

  async #stop(): Promise<void> {
    this.#stopping.abort();
    clearTimeout(this.#restart);
    const limit = new AbortController();
    const tails = [...this.#lanes.values()].map((lane) => lane.tail);
    await Promise.race([Promise.all(tails), pauseFor(STOP_LIMIT_MS, limit.signal)]);
    limit.abort();
    this.#generation.abort();
    await this.#consumer.disconnect();
    outOfRange.off('place', this.#onOutOfRange);
    this.#joined.resolve();
  }

  async #eachBatch(payload: EachBatchPayload): Promise<void> {
    const { topic, partition } = payload.batch;
    if (this.#stopping.signal.aborted) return void payload.pause();
    const hole = holeIn(payload.batch as unknown as WholeBatch);
    if (hole !== null) return this.#holeFound(topic, partition, hole);
    const lane = this.#lane(topic, partition);
    const generation = this.#generation.signal;
    const work = lane.tail.then(() => this.#work(payload, generation));
    lane.tail = work;
    const limit = new AbortController();
    const inTime = await Promise.race([work.then(() => true), pauseFor(PATIENCE_MS, limit.signal).then(() => false)]);
    limit.abort();
    if (inTime) return;
    const resume = payload.pause();
    void work.then(() => {
      if (!lane.broken && !this.#stopping.signal.aborted) resume();
    });
  }

  /** Never rejects. Handles and commits piece by piece; kafkajs moves on from where this got to. */
  async #work(payload: EachBatchPayload, lost: AbortSignal): Promise<void> {
    const { topic, partition, messages } = payload.batch;
    const { maxBatch = DEFAULT_MAX_BATCH } = this.#subscription;
    const signal = AbortSignal.any([lost, this.#stopping.signal]);
    for (let at = 0; at < messages.length && !signal.aborted; at += maxBatch) {
      const records = messages.slice(at, at + maxBatch).map((message) => storedRecord(topic, partition, message));
      const handling = { subscription: this.#subscription, append: this.#options.append, lost };
      if (!(await handleUntilDone({ topic, partition, records, signal }, handling)) || lost.aborted) return;
      const last = records.at(-1)!.offset;
      payload.resolveOffset(last.toString());
      // crashpoint kafka.before-commit
      await this.#commit(topic, partition, last + 1n);
      // crashpoint kafka.after-commit
    }
  }

  /** One that fails is made good by the next one, or the records come again. */
  async #commit(topic: string, partition: number, next: bigint): Promise<void> {
    try {
      await this.#consumer.commitOffsets([{ topic, partition, offset: next.toString() }]);
    } catch (cause) {
      this.#problem(
        'unavailable',
        topic,
        partition,
        `offset ${next} could not be committed; its records may come again`,
        cause,
      );
    }
  }

  #holeFound(topic: string, partition: number, hole: bigint): void {
    this.#breakLane(topic, partition);
    this.#problem('hole', topic, partition, `offset ${hole} is missing: stopped there, nothing is skipped`);
  }

  #retentionPassed(topic: string, partition: number): void {
    this.#breakLane(topic, partition);
    this.#problem(
      'retention-passed',
      topic,
      partition,
      'the log has no record at the offset that is due, it was deleted before it was handled: stopped, nothing is skipped',
    );
  }

  #breakLane(topic: string, partition: number): void {
    this.#lane(topic, partition).broken = true;
    this.#consumer.pause([{ topic, partitions: [partition] }]);
  }

  #lane(topic: string, partition: number): Lane {
    const place = `${topic}/${partition}`;
    const lane = this.#lanes.get(place) ?? { tail: Promise.resolve(), broken: false };
    this.#lanes.set(place, lane);
    return lane;
  }

  /** kafkajs restarts by itself after errors it calls retriable; after the others it would stay down for ever. */
  #crashed(consumer: Consumer, cause: Error, restarts: boolean): void {
    if (this.#stopping.signal.aborted) return;
    const { group, topics } = this.#subscription;
    this.#problem('unavailable', topics[0] ?? '', -1, `the consumer of ${group} failed and is started again`, cause);
    if (restarts) return;
    const again = (): void => {
      consumer.disconnect().catch(() => {});
      this.start().catch((error: unknown) => {
        this.#problem('unavailable', topics[0] ?? '', -1, `the consumer of ${group} could not be started`, error);
        if (!this.#stopping.signal.aborted) this.#restart = setTimeout(again, RESTART_AFTER_MS);
      });
    };
    this.#restart = setTimeout(again, RESTART_AFTER_MS);
  }

  #problem(kind: LogProblem['kind'], topic: string, partition: number, message: string, cause?: unknown): void {
    this.#subscription.onProblem?.({ kind, topic, partition, message, cause });
  }
}

/** Against the offset that was asked for; a reset of it to somewhere else is prevented in patches.ts. */
function holeIn({ fetchedOffset, messagesWithinOffset }: WholeBatch): bigint | null {
  return findHole(
    messagesWithinOffset.map((message) => BigInt(message.offset)),
    BigInt(fetchedOffset),
  );
}

function storedRecord(topic: string, partition: number, message: KafkaMessage): StoredRecord {
  return {
    topic,
    partition,
    offset: BigInt(message.offset),
    key: message.key?.toString() ?? '',
    value: message.value,
    headers: textHeaders(message.headers ?? {}),
    timestamp: new Date(Number(message.timestamp)),
  };
}

/** Ours are single texts; of a repeated header, which only others write, the last one counts. */
function textHeaders(headers: IHeaders): Record<string, string> {
  const texts: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) {
    const last = Array.isArray(value) ? value.at(-1) : value;
    if (last !== undefined) texts[name] = last.toString();
  }
  return texts;
}
