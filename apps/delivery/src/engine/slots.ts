import type { Database } from '#db';
import { GIVE_SLOTS, KEEP_SLOTS, TAKE_SLOTS } from '../sql/connection.ts';

/**
 * This process's share of a connection's concurrency. Slots are taken when there is work and given back after a while
 * without; who holds one may have one request open. What could not be renewed in time is no longer ours, by our own clock:
 * a process that was frozen or cut off from the database must not send over slots that others have taken.
 */
export class Slots {
  readonly #database: Database;
  readonly #connection: string;
  readonly #holder: string;
  readonly #most: number;
  readonly #leaseMs: number;
  #held: number[] = [];
  #open = 0;
  /** monotonic ms: until then all that is held is ours */
  #until = 0;
  readonly #waiting: (() => void)[] = [];

  constructor(options: { database: Database; connection: string; holder: string; most: number; leaseMs: number }) {
    this.#database = options.database;
    this.#connection = options.connection;
    this.#holder = options.holder;
    this.#most = options.most;
    this.#leaseMs = options.leaseMs;
  }

  get held(): number {
    if (performance.now() >= this.#until) this.#held = [];
    return this.#held.length;
  }

  get open(): number {
    return this.#open;
  }

  get free(): number {
    return Math.max(0, this.held - this.#open);
  }

  /** All that the connection may have open are ours already. */
  get full(): boolean {
    return this.held >= this.#most;
  }

  /** Takes what is free of the connection's slots, up to all of them. */
  async take(): Promise<void> {
    if (this.full) return;
    const until = performance.now() + this.#leaseMs;
    const taken = await this.#database.query<{ n: number }>(TAKE_SLOTS, [
      this.#connection,
      this.#holder,
      this.#most - this.#held.length,
      this.#leaseMs,
      this.#most,
    ]);
    if (this.held === 0) this.#until = until;
    this.#held.push(...taken.map(({ n }) => n));
    this.#serve();
  }

  /** Resolves when one of our slots is free, and takes it. */
  enter(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
      this.#serve();
    });
  }

  leave(): void {
    this.#open--;
    this.#serve();
  }

  async keep(): Promise<void> {
    if (this.held === 0) return;
    const held = this.#held;
    const until = performance.now() + this.#leaseMs;
    const kept = await this.#database.query<{ n: number }>(KEEP_SLOTS, [
      this.#connection,
      this.#holder,
      held,
      this.#leaseMs,
    ]);
    if (this.held === 0) return; // too late: what we have by now is younger, or taken by others
    if (held.every((n) => this.#held.includes(n)) && this.#held.length === held.length) this.#until = until;
    const still = new Set(kept.map(({ n }) => n));
    this.#held = this.#held.filter((n) => still.has(n) || !held.includes(n));
  }

  /** Gives back all but `most` of what is not in use. */
  async give(most: number): Promise<void> {
    const spare = Math.min(this.free, this.#held.length - most);
    if (spare <= 0) return;
    const given = this.#held.splice(this.#held.length - spare, spare);
    await this.#database.query(GIVE_SLOTS, [this.#connection, this.#holder, given]);
  }

  #serve(): void {
    while (this.#open < this.held && this.#waiting.length > 0) {
      this.#open++;
      this.#waiting.shift()!();
    }
  }
}
