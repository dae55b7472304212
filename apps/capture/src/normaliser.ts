import type { Database } from '#db';
import { logger, type Metrics } from '#platform';
import { codeOf } from './fault.ts';
import type { BatchResult, NormaliseBatch } from './normalise-batch.ts';
import { CLAIM_LEASES, type Lease } from './statements/claim-leases.ts';
import { FIND_WAITING_KEYS } from './statements/find-waiting-keys.ts';
import { RELEASE_LEASES } from './statements/release-leases.ts';

export interface NormaliserOptions {
  /** ms; a process that died holds its records this long. A batch takes milliseconds. */
  leaseMs: number;
  /** ms; how often what other processes left behind is looked for */
  pollMs: number;
  /** records in one batch */
  batch: number;
  /** batches at once */
  workers: number;
}

const DEFAULTS: NormaliserOptions = { leaseMs: 10_000, pollMs: 250, batch: 200, workers: 2 };

/** Keys remembered between a commit and its batch; beyond that the poll finds them. */
const MAX_HINTS = 10_000;
const MAX_PAUSE = 5_000;
/** Under load what others left behind is looked for so many times less often, before what was just captured. */
const SELDOM = 4;

/**
 * Keeps captured rows moving. A request wakes the normaliser of its own process, so an event is in the outbox a few
 * milliseconds after its answer; the poll finds what other processes left behind, when they died or are overrun.
 * NOTIFY is not used: it takes one lock over all committing transactions, and the process that captured knows anyway.
 */
export class Normaliser {
  readonly #database: Database;
  readonly #batch: NormaliseBatch;
  readonly #metrics: Metrics;
  readonly #options: NormaliserOptions;
  readonly #hints = new Set<string>();
  readonly #busy = new Set<string>();
  readonly #sleeping = new Set<() => void>();
  /** by `performance.now()` */
  #lookedAt = 0;
  #stopping = false;
  #loops: Promise<void>[] = [];

  constructor(database: Database, batch: NormaliseBatch, metrics: Metrics, options: Partial<NormaliserOptions> = {}) {
    this.#database = database;
    this.#batch = batch;
    this.#metrics = metrics;
    this.#options = { ...DEFAULTS, ...options };
  }

  start(): void {
    const { workers } = this.#options;
    this.#loops = Array.from({ length: workers }, (_, index) => this.#loop(index === 0));
  }

  /** Finishes the batches in hand. */
  async stop(): Promise<void> {
    this.#stopping = true;
    this.#rouse();
    await Promise.all(this.#loops);
  }

  /** These records have something new. Called by capture after its commit. */
  wake(keys: readonly string[]): void {
    for (const key of keys) if (this.#hints.size < MAX_HINTS) this.#hints.add(key);
    this.#rouse();
  }

  async #loop(polls: boolean): Promise<void> {
    let pause = 0;
    while (!this.#stopping) {
      try {
        const moved = await this.#step(polls);
        pause = 0;
        if (!moved) await this.#sleep(polls ? this.#options.pollMs : 60_000);
      } catch (error) {
        if (pause === 0) logger('capture').warn({ code: codeOf(error) }, 'normalising stopped; it goes on by itself');
        pause = Math.min(MAX_PAUSE, pause * 2 || 100);
        await this.#sleep(pause);
      }
    }
  }

  /** One batch. False: there was nothing to do. */
  async #step(polls: boolean): Promise<boolean> {
    const overdue = polls && performance.now() - this.#lookedAt > SELDOM * this.#options.pollMs;
    let keys = overdue ? await this.#findWaiting() : this.#takeHints();
    if (keys.length === 0) keys = overdue ? this.#takeHints() : polls ? await this.#findWaiting() : [];
    if (keys.length === 0) return false;
    for (const key of keys) this.#busy.add(key);
    try {
      const leases = await this.#database.query<Lease>(CLAIM_LEASES, [keys, this.#options.leaseMs]);
      if (leases.length === 0) return this.#hints.size > 0; // others hold them, and what they leave the poll finds
      // crashpoint normaliser.after-claim
      this.#count(await this.#work(leases));
      // crashpoint normaliser.after-commit
      return true;
    } finally {
      for (const key of keys) this.#busy.delete(key);
      if (this.#hints.size > 0) this.#rouse();
    }
  }

  async #work(leases: readonly Lease[]): Promise<BatchResult> {
    try {
      return await this.#batch.run(leases);
    } catch (error) {
      // Undone; whoever comes next may try. If this fails too, the leases run out.
      await this.#database
        .query(RELEASE_LEASES, [leases.map(({ key }) => key), leases.map(({ token }) => token)])
        .catch(() => {});
      throw error;
    }
  }

  #count({ published, rejected, unfinished }: BatchResult): void {
    for (const { connection } of published) this.#metrics.count('normalised', { connection, result: 'published' });
    for (const { connection } of rejected) this.#metrics.count('normalised', { connection, result: 'rejected' });
    for (const key of unfinished) this.#hints.add(key);
  }

  /** Hinted records that no other batch of this process has in hand; the others stay for the next one. */
  #takeHints(): string[] {
    const keys: string[] = [];
    for (const key of this.#hints) {
      if (keys.length >= this.#options.batch) break;
      if (this.#busy.has(key)) continue;
      this.#hints.delete(key);
      keys.push(key);
    }
    return keys;
  }

  async #findWaiting(): Promise<string[]> {
    const rows = await this.#database.query<{ key: string }>(FIND_WAITING_KEYS, [
      this.#options.batch,
      this.#batch.connections,
    ]);
    this.#lookedAt = performance.now();
    const keys = rows.map(({ key }) => key).filter((key) => !this.#busy.has(key));
    for (const key of keys) this.#hints.delete(key);
    return keys;
  }

  #sleep(milliseconds: number): Promise<void> {
    if (this.#stopping) return Promise.resolve();
    return new Promise((resolve) => {
      const wake = (): void => {
        clearTimeout(timer);
        this.#sleeping.delete(wake);
        resolve();
      };
      const timer = setTimeout(wake, milliseconds);
      this.#sleeping.add(wake);
    });
  }

  #rouse(): void {
    for (const wake of this.#sleeping) wake();
  }
}
