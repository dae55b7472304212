import type { Consumer, Kafka } from 'kafkajs';
import type { EventLog, LogProblem, RunningSubscription, StoppedPartition, Subscription } from '#contracts';
import { pauseFor } from '../handling.ts';
import { RETRY } from './client.ts';
import { drainingAssigner } from './draining-assigner.ts';
import { PartitionLane } from './partition-lane.ts';
import { outOfRange } from './patches.ts';
import type { OutOfRange } from './patches.ts';
import { within } from './within.ts';

const FETCH_WAIT_MS = 250;
const RESTART_AFTER_MS = 1_000;
const STOP_LIMIT_MS = 15_000;
const ASK_AGAIN_MS = 500;
/** Longest wait, after a join, until it is known and marked where the group stands; what is to be handled waits no longer. */
const MARK_WITHIN_MS = 5_000;
/** While brokers are away, or the group's coordinator, kafkajs fails every half minute: it is told once in so long. */
const TELL_EVERY_MS = 600_000;

export interface KafkaSubscriptionOptions {
  kafka: Kafka;
  append: EventLog['append'];
  sessionMs: number;
  /** first offset that the log has, and the one behind its last */
  bounds(topic: string, partition: number): Promise<{ start: bigint; end: bigint }>;
  /** of these partitions, those in which the group has never committed, with their first offset */
  untouched(places: readonly TopicPartitions[]): Promise<{ topic: string; partition: number; start: bigint }[]>;
}

export interface TopicPartitions {
  topic: string;
  partitions: readonly number[];
}

/** One membership: ends with the next join. */
interface Term {
  ending: AbortController;
  lost: AbortController;
}

const term = (): Term => ({ ending: new AbortController(), lost: new AbortController() });

/**
 * A member of a Kafka group on kafkajs's `eachBatch`.
 *
 * A batch is handled and committed by us; kafkajs is told only then that it is done. One that takes longer than 200 ms
 * (a failing handler, mostly) has its partition paused and goes on in the background, because kafkajs fetches nothing
 * from a broker before all of its batches are handled, and cannot heartbeat meanwhile.
 *
 * Before the member joins again it finishes what is in hand and commits it, for at most half a session: so nobody else
 * has the same records at the same time. What is still in hand then is lost: it is not committed, and comes again.
 */
export class KafkaSubscription implements RunningSubscription {
  readonly #subscription: Subscription;
  readonly #options: KafkaSubscriptionOptions;
  readonly #lanes = new Map<string, PartitionLane>();
  readonly #stopping = new AbortController();
  readonly #joined = Promise.withResolvers<void>();
  readonly #onOutOfRange = (place: OutOfRange): void => {
    if (place.memberId === this.#memberId) void this.#missing(place, this.#term);
  };
  #term = term();
  #memberId = '';
  #toldAway = -Infinity;
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

  stopped(): StoppedPartition[] {
    return [...this.#lanes.values()].map((lane) => lane.stopped).filter((place) => place !== undefined);
  }

  partitionsChanged(topic: string, message: string): void {
    if (this.#subscription.topics.includes(topic)) this.#problem('partitions-changed', topic, -1, message);
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
      partitionAssigners: [drainingAssigner(() => this.#drain())],
      retry: { ...RETRY, restartOnFailure: async () => true },
    });
    this.#consumer = consumer;
    consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
      this.#begin(
        payload.memberId,
        Object.entries(payload.memberAssignment).map(([topic, partitions]) => ({ topic, partitions })),
      );
    });
    consumer.on(consumer.events.CRASH, ({ payload }) => this.#crashed(consumer, payload.error, payload.restart));
    await consumer.connect();
    await consumer.subscribe({ topics: [...topics], fromBeginning: true });
    await consumer.run({
      autoCommit: false,
      eachBatchAutoResolve: false,
      partitionsConsumedConcurrently: 64,
      eachBatch: async (payload) => {
        const { ending, lost } = this.#term;
        const generation = { ending: ending.signal, lost: lost.signal };
        await this.#lane(payload.batch.topic, payload.batch.partition).take(payload, generation);
      },
    });
  }

  stop(): Promise<void> {
    return (this.#stopped ??= this.#stop());
  }

  async #stop(): Promise<void> {
    this.#stopping.abort();
    clearTimeout(this.#restart);
    await this.#settled(STOP_LIMIT_MS);
    this.#term.lost.abort();
    await this.#consumer.disconnect();
    outOfRange.off('place', this.#onOutOfRange);
    this.#joined.resolve();
  }

  /** Called before each join: what is handled by then is still committed under the old membership. */
  async #drain(): Promise<void> {
    this.#term.ending.abort();
    await this.#settled(this.#options.sessionMs / 2);
    this.#term.lost.abort();
  }

  async #settled(limitMs: number): Promise<void> {
    const limit = new AbortController();
    const tails = [...this.#lanes.values()].map((lane) => lane.tail);
    await Promise.race([Promise.all(tails), pauseFor(limitMs, limit.signal)]);
    limit.abort();
  }

  #begin(memberId: string, assigned: readonly TopicPartitions[]): void {
    this.#memberId = memberId;
    this.#toldAway = -Infinity;
    this.#term.ending.abort();
    this.#term.lost.abort();
    const now = (this.#term = term());
    for (const lane of this.#lanes.values()) lane.renew();
    // kafkajs remembers what the last term had paused
    this.#consumer.resume(assigned.map(({ topic, partitions }) => ({ topic, partitions: [...partitions] })));
    const marked = this.#markStarts(assigned, now);
    for (const { topic, partitions } of assigned)
      for (const partition of partitions) {
        const lane = this.#lane(topic, partition);
        lane.tail = lane.tail.then(() => marked);
      }
    this.#joined.resolve();
  }

  /**
   * Commits where the group begins in partitions that it sees for the first time. Without it the group could not tell
   * later that retention has deleted what came in while it was away. Nothing is handled meanwhile, so it is bounded.
   */
  async #markStarts(assigned: readonly TopicPartitions[], { lost }: Term): Promise<void> {
    const mark = async (): Promise<void> => {
      const starts = await this.#options.untouched(assigned);
      if (starts.length === 0 || lost.signal.aborted) return;
      await this.#consumer.commitOffsets(
        starts.map(({ topic, partition, start }) => ({ topic, partition, offset: start.toString() })),
      );
    };
    try {
      await within(MARK_WITHIN_MS, mark());
    } catch (cause) {
      const { group, topics } = this.#subscription;
      this.#problem('unavailable', topics[0] ?? '', -1, `cannot tell where ${group} stands; it goes on`, cause);
    }
  }

  /** One that fails is made good by the next one, or the records come again. */
  async #commit(topic: string, partition: number, next: bigint): Promise<void> {
    try {
      await this.#consumer.commitOffsets([{ topic, partition, offset: next.toString() }]);
    } catch (cause) {
      const message = `offset ${next} could not be committed; its records may come again`;
      this.#problem('unavailable', topic, partition, message, cause);
    }
  }

  /** The broker has nothing at the offset that is due: below what it has left, or behind the end of a log that was cut. */
  async #missing({ topic, partition, offset }: OutOfRange, { lost }: Term): Promise<void> {
    const place = [{ topic, partitions: [partition] }];
    this.#consumer.pause(place);
    const over = (): boolean => lost.signal.aborted || this.#stopping.signal.aborted;
    const lane = this.#lane(topic, partition);
    await lane.tail;
    for (; !over(); await pauseFor(ASK_AGAIN_MS, this.#stopping.signal)) {
      try {
        const { start, end } = await this.#options.bounds(topic, partition);
        if (over()) return;
        if (offset > end) lane.stop('hole', offset, `the log ends at ${end} and has no offset ${offset}`);
        else if (offset < start)
          lane.stop(
            'retention-passed',
            offset,
            `offsets ${offset} to ${start - 1n} were deleted before they were handled`,
          );
        this.#consumer.seek({ topic, partition, offset: String(offset < start || offset > end ? start : offset) });
        this.#consumer.resume(place);
        return;
      } catch (cause) {
        this.#problem('unavailable', topic, partition, 'cannot ask for the bounds of the partition', cause);
      }
    }
  }

  #lane(topic: string, partition: number): PartitionLane {
    const place = `${topic}/${partition}`;
    const known = this.#lanes.get(place);
    if (known) return known;
    const lane = new PartitionLane(topic, partition, {
      subscription: this.#subscription,
      append: this.#options.append,
      stopping: this.#stopping.signal,
      commit: (...at) => this.#commit(...at),
      seek: (of, at, offset) => this.#consumer.seek({ topic: of, partition: at, offset: offset.toString() }),
      problem: (...what) => this.#problem(...what),
    });
    this.#lanes.set(place, lane);
    return lane;
  }

  /** kafkajs restarts by itself after errors it calls retriable; after the others it would stay down for ever. */
  #crashed(consumer: Consumer, cause: Error, restarts: boolean): void {
    if (this.#stopping.signal.aborted) return;
    const { group } = this.#subscription;
    this.#away(`the consumer of ${group} failed and is started again`, cause);
    if (restarts) return;
    const again = (): void => {
      consumer.disconnect().catch(() => {});
      this.start().catch((error: unknown) => {
        this.#away(`the consumer of ${group} could not be started`, error);
        if (!this.#stopping.signal.aborted) this.#restart = setTimeout(again, RESTART_AFTER_MS);
      });
    };
    this.#restart = setTimeout(again, RESTART_AFTER_MS);
  }

  /** Until the next join. */
  #away(message: string, cause: unknown): void {
    if (performance.now() - this.#toldAway < TELL_EVERY_MS) return;
    this.#toldAway = performance.now();
    this.#problem('unavailable', this.#subscription.topics[0] ?? '', -1, message, cause);
  }

  #problem(kind: LogProblem['kind'], topic: string, partition: number, message: string, cause?: unknown): void {
    this.#subscription.onProblem?.({ kind, topic, partition, message, cause });
  }
}
