import type { EachBatchPayload } from 'kafkajs';
import type { EventLog, LogProblem, StoppedPartition, Subscription } from '#contracts';
import { handleUntilDone, pauseFor } from '../handling.ts';
import { findHole } from '../hole.ts';
import { RefillScan } from '../refill.ts';
import { storedRecord } from './stored-record.ts';

const DEFAULT_MAX_BATCH = 500;
/** kafkajs fetches nothing from a broker until all its batches are handled; a slower one lets the others go on */
const PATIENCE_MS = 200;

/** What kafkajs's Batch also has: control records and aborted ones included, so offsets are dense. */
interface WholeBatch {
  fetchedOffset: string;
  messagesWithinOffset: readonly { offset: string }[];
}

/** From one join of the group to the next. */
export interface Generation {
  /** the group is about to balance: finish what is in hand, begin nothing */
  ending: AbortSignal;
  /** others may have the partition: nothing may be committed any more */
  lost: AbortSignal;
}

export interface LaneContext {
  subscription: Subscription;
  append: EventLog['append'];
  stopping: AbortSignal;
  commit(topic: string, partition: number, next: bigint): Promise<void>;
  /** the member's next fetch begins there */
  seek(topic: string, partition: number, offset: bigint): void;
  problem(kind: LogProblem['kind'], topic: string, partition: number, message: string, cause?: unknown): void;
}

/**
 * One partition's work for a member, over all generations: never two batches of it at a time.
 *
 *     handling ── a record is missing ──> stopped: reads on for a refill's markers and handles nothing
 *        ^                                   │
 *        └─── commits and goes behind the first marker once it has seen both ──┘
 */
export class PartitionLane {
  readonly topic: string;
  readonly partition: number;
  /** never rejects */
  tail: Promise<unknown> = Promise.resolve();
  readonly #context: LaneContext;
  #stopped: { place: StoppedPartition; scan: RefillScan } | undefined;

  constructor(topic: string, partition: number, context: LaneContext) {
    this.topic = topic;
    this.partition = partition;
    this.#context = context;
  }

  get stopped(): StoppedPartition | undefined {
    return this.#stopped?.place;
  }

  /** A new generation begins at what the group has committed, whatever this member had found there. */
  renew(): void {
    this.#stopped = undefined;
  }

  /** What is due at `offset` is not in the log. */
  stop(kind: StoppedPartition['kind'], offset: bigint, message: string): void {
    const { topic, partition } = this;
    const { subscription, problem } = this.#context;
    this.#stopped = {
      place: { topic, partition, kind, offset },
      scan: new RefillScan(subscription.group, offset),
    };
    problem(kind, topic, partition, `${message}: stopped, nothing is skipped; crossdock refill publishes it again`);
  }

  async take(payload: EachBatchPayload, generation: Generation): Promise<void> {
    if (this.#context.stopping.aborted) return void payload.pause();
    if (this.#stopped) return this.#search(payload, generation);
    const { fetchedOffset, messagesWithinOffset } = payload.batch as unknown as WholeBatch;
    const expected = BigInt(fetchedOffset);
    const hole = findHole(
      messagesWithinOffset.map((message) => BigInt(message.offset)),
      expected,
    );
    if (hole !== null) {
      this.stop('hole', expected, `offset ${hole} is missing`);
      return this.#search(payload, generation);
    }
    const work = this.tail.then(() => this.#work(payload, generation));
    this.tail = work;
    const limit = new AbortController();
    const inTime = await Promise.race([work.then(() => true), pauseFor(PATIENCE_MS, limit.signal).then(() => false)]);
    limit.abort();
    if (inTime) return;
    const resume = payload.pause();
    void work.then(() => {
      if (!this.#context.stopping.aborted) resume();
    });
  }

  /** Never rejects. Handles and commits piece by piece; kafkajs moves on from where this got to. */
  async #work(payload: EachBatchPayload, { ending, lost }: Generation): Promise<void> {
    const { topic, partition } = this;
    const { subscription, append, stopping, commit } = this.#context;
    const { messages } = payload.batch;
    const { maxBatch = DEFAULT_MAX_BATCH } = subscription;
    const signal = AbortSignal.any([ending, stopping]);
    for (let at = 0; at < messages.length && !signal.aborted; at += maxBatch) {
      const records = messages.slice(at, at + maxBatch).map((message) => storedRecord(topic, partition, message));
      const handled = await handleUntilDone({ topic, partition, records, signal }, { subscription, append, lost });
      if (!handled || lost.aborted) return;
      const last = records.at(-1)!.offset;
      payload.resolveOffset(last.toString());
      // crashpoint kafka.before-commit
      await commit(topic, partition, last + 1n);
      // crashpoint kafka.after-commit
    }
  }

  /** Nothing is handled and nothing committed until a refill was found. */
  async #search({ batch, resolveOffset }: EachBatchPayload, { lost }: Generation): Promise<void> {
    const { topic, partition } = this;
    const { commit, seek, problem } = this.#context;
    const next = this.#stopped!.scan.look(batch.messages.map((message) => storedRecord(topic, partition, message)));
    if (lost.aborted) return;
    if (next === null) return resolveOffset(batch.lastOffset());
    await commit(topic, partition, next);
    if (lost.aborted) return;
    seek(topic, partition, next);
    this.#stopped = undefined;
    problem('resumed', topic, partition, `goes on at offset ${next}, where what was missing was published again`);
  }
}
