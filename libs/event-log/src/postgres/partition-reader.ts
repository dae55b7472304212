import type { EventLog, LogProblem, StoredRecord, Subscription } from '#contracts';
import type { Database } from '#db';
import { handleUntilDone } from '../handling.ts';
import { findHole, offsetsOf } from '../hole.ts';
import { commitOffset } from './commit.ts';
import type { Lease } from './commit.ts';
import { fetchRecords } from './fetch.ts';
import type { Start } from './membership.ts';
import { lowWatermark } from './poll.ts';

export interface ReaderContext {
  database: Database;
  subscription: Subscription;
  append: EventLog['append'];
  maxBatch: number;
  /** called when a reader goes to sleep: what came while it was busy has been announced already and must be looked for */
  asleep(): void;
}

/**
 * One leased partition: fetch, check for holes, handle, commit, again. Runs while there is something to read and sleeps
 * otherwise; the subscription wakes it. After a hole it stands still: somebody has to look before anything goes on.
 */
export class PartitionReader implements Lease {
  readonly topic: string;
  readonly partition: number;
  readonly token: bigint;
  /** offset of the next record to handle */
  position: bigint;
  /** a hole was found */
  broken = false;
  readonly #context: ReaderContext;
  /** the partition is somebody else's */
  readonly #lost = new AbortController();
  /** stop after the batch in hand */
  readonly #ending = new AbortController();
  #running: Promise<void> | undefined;

  constructor(start: Start, context: ReaderContext) {
    this.topic = start.topic;
    this.partition = start.partition;
    this.token = start.token;
    this.position = start.committed ?? start.lowWatermark;
    this.#context = context;
    if (this.position < start.lowWatermark) this.#retentionPassed(start.lowWatermark);
  }

  get idle(): boolean {
    return !this.#running && !this.broken && !this.#ending.signal.aborted;
  }

  /** Reads until the partition's end; does nothing while it is reading already. */
  wake(): void {
    if (!this.idle) return;
    this.#running = this.#read().then((progress) => {
      this.#running = undefined;
      if (progress) this.#context.asleep();
    });
  }

  /** Finishes the batch in hand, commits it, resolves. */
  async end(): Promise<void> {
    this.#ending.abort();
    await this.#running;
  }

  /** The lease is gone: what is in hand is not committed. */
  lose(): void {
    this.#lost.abort();
    this.#ending.abort();
  }

  /** True when something was handled. */
  async #read(): Promise<boolean> {
    const { database, subscription, maxBatch } = this.#context;
    let progress = false;
    try {
      for (;;) {
        if (this.#ending.signal.aborted) return progress;
        const records = await fetchRecords(database, this.topic, this.partition, this.position, maxBatch);
        if (records.length === 0 && progress) return true; // the batch before ended where the partition ends
        if (this.#ending.signal.aborted || !(await this.#dense(records))) return progress;
        if (!(await this.#handle(records))) return progress;
        const next = this.position + BigInt(records.length);
        // crashpoint log.before-commit
        if (!(await commitOffset(database, subscription.group, this, next))) {
          this.lose();
          return false;
        }
        // crashpoint log.after-commit
        this.position = next;
        progress = true;
        if (records.length < maxBatch) return true;
      }
    } catch (cause) {
      this.#problem('unavailable', 'reading the log or committing failed; the same records come again', cause);
      return false;
    }
  }

  #handle(records: StoredRecord[]): Promise<boolean> {
    const { topic, partition } = this;
    const batch = { topic, partition, records, signal: this.#ending.signal };
    return handleUntilDone(batch, { ...this.#context, lost: this.#lost.signal });
  }

  /** We are only woken when the log has more than we handled, so nothing at our position is a hole as well. */
  async #dense(records: readonly StoredRecord[]): Promise<boolean> {
    const hole = records.length === 0 ? this.position : findHole(offsetsOf(records), this.position);
    if (hole === null) return true;
    const low = await lowWatermark(this.#context.database, this.topic, this.partition);
    if (low > this.position) this.#retentionPassed(low);
    else {
      this.broken = true;
      this.#problem('hole', `offset ${hole} is missing: stopped there, nothing is skipped`);
    }
    return false;
  }

  #retentionPassed(low: bigint): void {
    this.broken = true;
    this.#problem(
      'retention-passed',
      `retention has deleted offsets ${this.position} to ${low - 1n} before they were handled: stopped, nothing is skipped`,
    );
  }

  #problem(kind: LogProblem['kind'], message: string, cause?: unknown): void {
    const { topic, partition } = this;
    this.#context.subscription.onProblem?.({ kind, topic, partition, message, cause });
  }
}
