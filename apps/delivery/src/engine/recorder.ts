import { finishedWord } from '#contracts';
import { CrossdockError } from '#contracts';
import type { Logger, Metrics } from '#platform';
import type { Settled, Store, ToSettle } from './store.ts';

interface Waiting {
  item: ToSettle;
  /** `false`: the token was stale, nothing changed */
  resolve(recorded: boolean): void;
}

/** Most outcomes of one transaction. */
const MOST = 100;
/** Transactions at once: while one waits for its commit, the next gathers. */
const LANES = 2;
/**
 * Outcomes of one connection that may wait to be recorded before less is sent: as many as keep the transactions full. A crash
 * leaves them in doubt, so where the database is slower than the target the target waits, not the outcomes.
 */
export const MOST_UNRECORDED = LANES * MOST;

const NOTHING_SETTLED: Settled = { recorded: new Set(), rows: [], woken: [] };

/**
 * Records outcomes in groups: what comes while a transaction commits goes with the next one. While the database is away it
 * goes on trying; the lease decides whether the outcome still counts when it is back.
 */
export class Recorder {
  readonly #store: Store;
  readonly #metrics: Metrics;
  readonly #log: Logger;
  readonly #woken: (connection: string) => void;
  readonly #waiting: Waiting[] = [];
  #running = 0;
  #stopped = false;

  constructor(store: Store, metrics: Metrics, log: Logger, woken: (connection: string) => void) {
    this.#store = store;
    this.#metrics = metrics;
    this.#log = log;
    this.#woken = woken;
  }

  record(item: ToSettle): Promise<boolean> {
    return new Promise((resolve) => {
      this.#waiting.push({ item, resolve });
      if (this.#running < LANES) void this.#drain();
    });
  }

  /** The engine has stopped: what cannot be recorded now is left to the end of its lease. */
  stop(): void {
    this.#stopped = true;
  }

  async #drain(): Promise<void> {
    this.#running++;
    await Promise.resolve(); // what settles in the same turn goes together
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.splice(0, MOST);
      const settled = await this.#settle(batch.map(({ item }) => item));
      // crashpoint delivery.after-settle
      for (const { item, resolve } of batch) {
        const recorded = settled.recorded.has(item);
        if (!recorded) this.#metrics.count('staleWrites', {});
        resolve(recorded);
      }
      this.observe(settled);
      for (const connection of settled.woken) this.#woken(connection);
    }
    this.#running--;
  }

  async #settle(batch: readonly ToSettle[]): Promise<Settled> {
    for (let tries = 0; ; tries++) {
      try {
        return await this.#store.settle(batch);
      } catch (cause) {
        if (this.#stopped) return NOTHING_SETTLED;
        if (tries === 0)
          this.#log.warn({ err: cause, outcomes: batch.length }, 'recording outcomes failed, trying again');
        const helps = cause instanceof CrossdockError && cause.retryable;
        if (!helps && batch.length > 1) return this.#oneByOne(batch);
        if (tries >= (helps ? GIVE_UP : 3) && batch.length === 1) {
          this.#log.error(
            { err: cause },
            'an outcome could not be recorded: its lease will run out and its attempt be in doubt',
          );
          return NOTHING_SETTLED;
        }
        await new Promise((resolve) => setTimeout(resolve, Math.min(100 * 2 ** tries, 5_000)));
      }
    }
  }

  /** The database refuses something of the group: the one row that cannot be recorded must not keep the others from it. */
  async #oneByOne(batch: readonly ToSettle[]): Promise<Settled> {
    const each = await Promise.all(batch.map((item) => this.#settle([item])));
    return {
      recorded: new Set(each.flatMap(({ recorded }) => [...recorded])),
      rows: each.flatMap(({ rows }) => rows),
      woken: each.flatMap(({ woken }) => woken),
    };
  }

  /** Counts what finished, after the commit. */
  observe(settled: Settled): void {
    for (const row of settled.rows) {
      const outcome = finishedWord(row.status, row.adopted);
      if (outcome === undefined || row.dropped) continue;
      this.#metrics.count('syncCompleted', { flow: row.flow, outcome });
      if ((outcome === 'delivered' || outcome === 'duplicate') && !row.again)
        this.#metrics.observe(
          'syncLag',
          { flow: row.flow, target: row.connection },
          (row.finished_at.getTime() - row.accepted_at.getTime()) / 1000,
        );
    }
  }
}

/** About ten minutes of trying while the database is away; what it refuses is tried four times. */
const GIVE_UP = 130;
