import type { Database } from '#db';
import { GIVE_SLOTS, JOIN, KEEP_SLOTS, PART, TAKE_SLOTS } from '../sql/slots.ts';

export interface SlotsOptions {
  database: Database;
  connection: string;
  holder: string;
  /** the connection's concurrency: all processes together have no more requests open */
  most: number;
  leaseMs: number;
  /** false: others may take us for dead, nothing new is begun */
  alive?(): boolean;
}

/** A look for slots that found none is not repeated for so long while we have some, ms. */
const PATIENCE_MS = 50;

/**
 * This process's share of a connection's concurrency. Slots are taken when there is work and given back after a while
 * without; who holds one may have one request open. Who has work is a member, and members share evenly: what one holds
 * beyond its share goes back as its requests end.
 *
 * What could not be renewed in time is no longer ours, by our own clock: a process that was frozen or cut off from the
 * database must not send over slots that others have taken.
 */
export class Slots {
  readonly #options: SlotsOptions;
  #held: number[] = [];
  #open = 0;
  #share: number;
  #member = false;
  /** monotonic ms: until then all that is held is ours */
  #until = 0;
  #foundNoneAt = -Infinity;
  /** one statement at a time: what is given back must not be taken anew before it is written */
  #turn: Promise<unknown> = Promise.resolve();
  readonly #waiting: (() => void)[] = [];

  constructor(options: SlotsOptions) {
    this.#options = options;
    this.#share = options.most;
  }

  /** How many may be in use at once. */
  get held(): number {
    const { alive } = this.#options;
    if (performance.now() >= this.#until || alive?.() === false) this.#held = [];
    return Math.min(this.#held.length, this.#share);
  }

  get open(): number {
    return this.#open;
  }

  get free(): number {
    return Math.max(0, this.held - this.#open);
  }

  /** All of our share is ours already. */
  get full(): boolean {
    return this.held >= this.#share;
  }

  /** There is work: joins the members, and takes what is free of the connection's slots, up to our share. */
  take(): Promise<void> {
    return this.#inTurn(async () => {
      if (this.#member && this.full) return;
      if (this.held > 0 && performance.now() < this.#foundNoneAt + PATIENCE_MS) return;
      await this.#join();
      const { database, connection, holder, most, leaseMs } = this.#options;
      const wanted = this.#share - this.held;
      if (wanted <= 0) return;
      const mine = [...this.#held];
      const until = performance.now() + leaseMs;
      const taken = await database.query<{ n: number }>(TAKE_SLOTS, [connection, holder, wanted, leaseMs, most, mine]);
      if (taken.length === 0) this.#foundNoneAt = performance.now();
      if (this.held === 0) this.#until = until;
      this.#held.push(...taken.map(({ n }) => n));
      this.#serve();
    });
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
    if (this.#excess() > 0) void this.#shed().catch(() => {}); // it ends with its lease
  }

  /** Renews what is held. Called a few times per lease. */
  keep(): Promise<void> {
    return this.#inTurn(async () => {
      if (this.held === 0) return;
      const { database, connection, holder, leaseMs } = this.#options;
      const until = performance.now() + leaseMs;
      const kept = await database.query<{ n: number }>(KEEP_SLOTS, [connection, holder, this.#held, leaseMs]);
      if (this.held === 0) return; // too late: others may have taken them meanwhile
      const still = new Set(kept.map(({ n }) => n));
      this.#held = this.#held.filter((n) => still.has(n));
      this.#until = until;
    });
  }

  /** While we are a member: learns of who came and went, and gives back what is theirs. Called about once a second. */
  async balance(): Promise<void> {
    if (!this.#member) return;
    await this.#inTurn(async () => {
      if (this.#member) await this.#join();
    });
    this.#serve();
    if (this.#excess() > 0) await this.#shed();
  }

  /** There is no work: gives back what is not in use, and leaves the others to share it. */
  part(): Promise<void> {
    return this.#inTurn(async () => {
      const { database, connection, holder } = this.#options;
      const most = this.#open;
      await this.#give(this.#held.length - most);
      if (!this.#member) return;
      this.#member = false;
      await database.query(PART, [connection, holder]);
    });
  }

  async #join(): Promise<void> {
    const { database, connection, holder, most, leaseMs } = this.#options;
    const [row] = await database.query<{ share: number }>(JOIN, [connection, holder, most, leaseMs]);
    if (row!.share !== this.#share) this.#foundNoneAt = -Infinity; // somebody came or went
    this.#share = row!.share;
    this.#member = true;
  }

  /** How many we hold beyond our share that no request of ours is using. */
  #excess(): number {
    return this.#held.length - Math.max(this.#share, this.#open);
  }

  #shed(): Promise<void> {
    return this.#inTurn(() => this.#give(this.#excess()));
  }

  async #give(count: number): Promise<void> {
    if (count <= 0) return;
    const { database, connection, holder } = this.#options;
    const given = this.#held.splice(this.#held.length - count, count);
    await database.query(GIVE_SLOTS, [connection, holder, given]);
  }

  #serve(): void {
    while (this.#open < this.held && this.#waiting.length > 0) {
      this.#open++;
      this.#waiting.shift()!();
    }
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const mine = this.#turn.then(work);
    this.#turn = mine.catch(() => {});
    return mine;
  }
}
