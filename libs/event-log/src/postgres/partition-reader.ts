import type { EventLog, LogProblem, StoppedPartition, StoredRecord, Subscription } from '#contracts';
import type { Database } from '#db';
import { handleUntilDone } from '../handling.ts';
import { findHole, offsetsOf } from '../hole.ts';
import { RefillScan } from '../refill.ts';
import type { Lease } from './commit.ts';
import type { Committer } from './committer.ts';
import type { Fetcher } from './fetch.ts';
import type { Start } from './membership.ts';
import { bounds } from './poll.ts';

export interface ReaderContext {
  database: Database;
  subscription: Subscription;
  append: EventLog['append'];
  maxBatch: number;
  fetcher: Fetcher;
  committer: Committer;
  /** a number that changes whenever something was announced, nobody knows of which partition */
  announced(): number;
  /** called when a reader goes to sleep and something was announced since it looked last */
  asleep(): void;
}

/**
 * One leased partition: fetch, check for holes, handle, have it committed, again. Runs while there is something to read and
 * sleeps otherwise; the subscription wakes it. Where a record is missing it stops: from there it only looks for a refill, and
 * goes on behind that one's first marker.
 */
export class PartitionReader implements Lease {
  readonly topic: string;
  readonly partition: number;
  readonly token: bigint;
  /** offset of the next record to handle, or to look at while it is stopped */
  position: bigint;
  #stopped: { place: StoppedPartition; scan: RefillScan } | undefined;
  readonly #context: ReaderContext;
  /** the partition is somebody else's */
  readonly #lost = new AbortController();
  /** stop after the batch in hand */
  readonly #ending = new AbortController();
  #running: Promise<void> | undefined;
  /** what had been announced when the log was asked last */
  #looked = 0;
  /** something was appended here since */
  #told = false;
  /** the answer to the newest commit */
  #committed: Promise<unknown> = Promise.resolve();

  constructor(start: Start, context: ReaderContext) {
    this.topic = start.topic;
    this.partition = start.partition;
    this.token = start.token;
    this.position = start.committed ?? start.lowWatermark;
    this.#context = context;
    if (this.position < start.lowWatermark) this.#retentionPassed(start.lowWatermark);
  }

  get stopped(): StoppedPartition | undefined {
    return this.#stopped?.place;
  }

  get idle(): boolean {
    return !this.#running && !this.#ending.signal.aborted;
  }

  /** What it handled could not be committed, or the lease is gone, and no handler is at work any more: another one must begin. */
  get over(): boolean {
    return this.#lost.signal.aborted && !this.#running;
  }

  /** Reads until the partition's end; does nothing while it is reading already. */
  wake(): void {
    if (!this.idle) return;
    this.#running = this.#read().then((well) => {
      this.#running = undefined;
      if (well && this.#told) this.wake();
      else if (well && this.#context.announced() !== this.#looked) this.#context.asleep();
    });
  }

  /** Something was appended to this very partition. */
  tell(): void {
    this.#told = true;
    this.wake();
  }

  /** Finishes the batch in hand, commits it, resolves; if it cannot be committed, the next owner handles it again. */
  async end(): Promise<void> {
    this.#ending.abort();
    await this.#running;
    await Promise.race([this.#committed, this.#context.committer.hurry()]);
  }

  /** The lease is gone: what is in hand is not committed. */
  lose(): void {
    this.#lost.abort();
    this.#ending.abort();
  }

  /** False: something failed, or the partition is not ours any more; what was announced meanwhile waits for the next look. */
  async #read(): Promise<boolean> {
    const { maxBatch } = this.#context;
    let progress = false;
    try {
      for (;;) {
        if (this.#ending.signal.aborted) return progress;
        if (this.#stopped && !(await this.#search(this.#stopped.scan))) return progress;
        this.#looked = this.#context.announced();
        this.#told = false;
        const records = await this.#fetch();
        if (records.length === 0 && (progress || !(await this.#hasMore()))) return true; // a batch before had all of it
        if (this.#ending.signal.aborted) return progress;
        if (records.length === 0) records.push(...(await this.#fetch())); // younger than the end it is held against
        if (!(await this.#dense(records))) continue;
        if (!(await this.#handle(records))) return progress;
        this.position += BigInt(records.length);
        void this.#commit();
        progress = true;
        if (records.length < maxBatch) return true;
      }
    } catch (cause) {
      this.#problem('unavailable', 'reading the log failed; the same records come again', cause);
      return false;
    }
  }

  #fetch(): Promise<StoredRecord[]> {
    const { fetcher, maxBatch } = this.#context;
    return fetcher.fetch(this.topic, this.partition, this.position, maxBatch);
  }

  async #hasMore(): Promise<boolean> {
    return (await bounds(this.#context.database, this.topic, this.partition)).next > this.position;
  }

  #handle(records: StoredRecord[]): Promise<boolean> {
    const { topic, partition } = this;
    const batch = { topic, partition, records, signal: this.#ending.signal };
    return handleUntilDone(batch, { ...this.#context, lost: this.#lost.signal });
  }

  /** Only called when the log has more than we handled, so nothing at our position is a hole as well. */
  async #dense(records: readonly StoredRecord[]): Promise<boolean> {
    const hole = records.length === 0 ? this.position : findHole(offsetsOf(records), this.position);
    if (hole === null) return true;
    const { low } = await bounds(this.#context.database, this.topic, this.partition);
    if (low > this.position) this.#retentionPassed(low);
    else this.#stop('hole', `offset ${hole} is missing`);
    return false;
  }

  #retentionPassed(low: bigint): void {
    this.#stop(
      'retention-passed',
      `retention has deleted offsets ${this.position} to ${low - 1n} before they were handled`,
    );
  }

  #stop(kind: StoppedPartition['kind'], message: string): void {
    const { topic, partition, position: offset } = this;
    const scan = new RefillScan(this.#context.subscription.group, offset);
    this.#stopped = { place: { topic, partition, kind, offset }, scan };
    this.#problem(kind, `${message}: stopped, nothing is skipped; crossdock refill publishes it again`);
  }

  /** Reads on without handling anything. True: a refill was found, and handling goes on behind its first marker. */
  async #search(scan: RefillScan): Promise<boolean> {
    const { database } = this.#context;
    for (;;) {
      if (this.#ending.signal.aborted) return false;
      let records = await this.#fetch();
      if (records.length === 0) {
        const { next: end } = await bounds(database, this.topic, this.partition);
        records = await this.#fetch(); // what came in between
        if (records.length === 0) {
          this.position = end;
          return false;
        }
      }
      const next = scan.look(records);
      if (next === null) {
        this.position = records.at(-1)!.offset + 1n;
        continue;
      }
      const before = this.position;
      this.position = next;
      const committed = await Promise.race([this.#commit(), this.#context.committer.hurry()]);
      if (committed === false) return false;
      if (committed === undefined) {
        this.position = before;
        throw new Error('where it goes on could not be committed');
      }
      this.#stopped = undefined;
      this.#problem('resumed', `goes on at offset ${next}, where what was missing was published again`);
      return true;
    }
  }

  /** False: the lease is somebody else's. */
  #commit(): Promise<boolean> {
    const committed = this.#context.committer.commit(this, this.position).then((done) => {
      if (!done) this.lose();
      return done;
    });
    this.#committed = committed;
    return committed;
  }

  #problem(kind: LogProblem['kind'], message: string, cause?: unknown): void {
    const { topic, partition } = this;
    this.#context.subscription.onProblem?.({ kind, topic, partition, message, cause });
  }
}
