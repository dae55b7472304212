import type { Database, Statement } from '#db';

/**
 * Rows that wait to become events. Normally none: so many wait only where the normalisers cannot work, because a schema registry is
 * away for hours or a database is at its end. They are kept safe, but a table that grows without bound helps nobody.
 */
const MOST_WAITING = 500_000;
/** ms; counting that many costs 50 ms of the database */
const LOOK_EVERY = 2_000;

/** Counts no further than it has to. */
const COUNT: Statement = {
  name: 'capture-backlog',
  text: `select count(*)::integer as waiting from (select 1 from captured where status = 'waiting' limit $1) as waiting`,
};

/** Knows whether too much waits. Looks by itself; taken up again when a tenth of it is gone, so that it does not flicker. */
export class Backlog {
  readonly #database: Database;
  readonly #most: number;
  #full = false;
  #timer: NodeJS.Timeout | undefined;
  #looking: Promise<void> = Promise.resolve();

  constructor(database: Database, most = MOST_WAITING) {
    this.#database = database;
    this.#most = most;
  }

  get full(): boolean {
    return this.#full;
  }

  start(everyMs = LOOK_EVERY): void {
    this.#timer = setInterval(() => (this.#looking = this.#looking.then(() => this.look())), everyMs);
    this.#looking = this.look();
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#looking;
  }

  /** A database that does not answer says nothing about the backlog: requests find out by themselves. */
  async look(): Promise<void> {
    try {
      const [row] = await this.#database.query<{ waiting: number }>(COUNT, [this.#most]);
      this.#full = row!.waiting >= (this.#full ? this.#most * 0.9 : this.#most);
    } catch {}
  }
}
