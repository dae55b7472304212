import type { Database } from '#db';
import { commitOffsets, placeOf, type Handled, type Lease } from './commit.ts';

/** Offsets wait so long for those of other partitions, ms: what is handled again after a crash grows by as much. */
const GATHER_MS = 25;
const AFTER_FAILURE_MS = 500;

interface Waiting extends Handled {
  done: PromiseWithResolvers<boolean>;
}

/**
 * Commits the offsets of one member: those of all its partitions together, one statement at a time. What is handled while a
 * statement runs or fails waits for the next one, of each partition the newest only.
 */
export class Committer {
  readonly #database: Database;
  readonly #group: string;
  readonly #failed: (cause: unknown) => void;
  readonly #waiting = new Map<string, Waiting>();
  #running = false;
  #hurry: (() => void) | undefined;
  #closed = false;
  /** resolved when the next statement fails */
  #failure = Promise.withResolvers<void>();

  constructor(database: Database, group: string, failed: (cause: unknown) => void) {
    this.#database = database;
    this.#group = group;
    this.#failed = failed;
  }

  /** Resolves when this or a later offset of the partition is committed; with false when its token is stale, or after `close`. */
  commit(lease: Lease, next: bigint): Promise<boolean> {
    if (this.#closed) return Promise.resolve(false);
    const place = placeOf(lease);
    const before = this.#waiting.get(place);
    if (before !== undefined && before.lease.token === lease.token) {
      before.next = next;
      return before.done.promise;
    }
    before?.done.resolve(false); // of a lease before this one
    const waiting: Waiting = { lease, next, done: Promise.withResolvers() };
    this.#waiting.set(place, waiting);
    if (!this.#running) void this.#run();
    return waiting.done.promise;
  }

  /** Commits what waits without waiting for more; resolves when the next statement fails. Called when a partition is given away. */
  hurry(): Promise<void> {
    this.#hurry?.();
    return this.#failure.promise;
  }

  /** What could not be committed until now is left to the next owner. */
  close(): void {
    this.#closed = true;
    for (const { done } of this.#waiting.values()) done.resolve(false);
    this.#waiting.clear();
    this.#hurry?.();
  }

  async #run(): Promise<void> {
    this.#running = true;
    let pause = GATHER_MS;
    while (this.#waiting.size > 0) {
      await this.#pause(pause);
      pause = GATHER_MS;
      const taken = [...this.#waiting.values()];
      this.#waiting.clear();
      if (taken.length === 0) break;
      try {
        // crashpoint log.before-commit
        const moved = await commitOffsets(this.#database, this.#group, taken);
        // crashpoint log.after-commit
        for (const each of taken) each.done.resolve(moved.has(each));
      } catch (cause) {
        this.#failed(cause);
        this.#failure.resolve();
        this.#failure = Promise.withResolvers();
        for (const each of taken) this.#again(each);
        pause = AFTER_FAILURE_MS;
      }
    }
    this.#running = false;
  }

  /** A failed one waits again, unless a newer one of its partition does. */
  #again(each: Waiting): void {
    const place = placeOf(each.lease);
    const newer = this.#waiting.get(place);
    if (this.#closed || (newer !== undefined && newer.lease.token !== each.lease.token)) each.done.resolve(false);
    else if (newer === undefined) this.#waiting.set(place, each);
    else void newer.done.promise.then((done) => each.done.resolve(done));
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        this.#hurry = undefined;
        resolve();
      };
      const timer = setTimeout(done, ms);
      this.#hurry = done;
    });
  }
}
