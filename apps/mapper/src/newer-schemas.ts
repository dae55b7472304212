/** How long events of schemas that this version does not know are waited for, ms, from the first of them on. */
const PATIENCE_MS = 5 * 60_000;
/** From the begin of one wait to that of the next, ms. */
const BETWEEN_MS = 60 * 60_000;
/** More ids than this are not waited for. */
const MOST_IDS = 1_000;

export interface NewerSchemasOptions {
  /** called when a wait begins */
  onWait?(id: number): void;
  /** ms, monotonic */
  now?(): number;
}

/**
 * Whether an event is waited for that only a newer version of the mapper may read. While a version is rolled out, or back, an
 * older mapper meets such events; the newer process that takes its partitions over reads them, if this one has not made dead
 * letters of them before.
 *
 *     none ──the first such event──> five minutes in which each such event is waited for ──over──> each is a dead letter
 *       ^                                                                                              │
 *       └──── an hour after those five minutes began; an id that was waited for is never again ────────┘
 *
 * So what others write under ids that they made up holds a partition back for five minutes of an hour at most, in each process.
 */
export class NewerSchemas {
  readonly #onWait: (id: number) => void;
  readonly #now: () => number;
  /** id -> begin of its wait */
  readonly #waited = new Map<number, number>();
  #begun = -Infinity;

  constructor({ onWait = () => {}, now = () => performance.now() }: NewerSchemasOptions = {}) {
    this.#onWait = onWait;
    this.#now = now;
  }

  /** Asked for each such event, each time its batch comes. */
  waits(id: number): boolean {
    const now = this.#now();
    const known = this.#waited.has(id);
    if (!known && this.#waited.size >= MOST_IDS) return false;
    if (!known && now - this.#begun >= BETWEEN_MS) {
      this.#begun = now;
      this.#onWait(id);
    }
    if (now - this.#begun >= PATIENCE_MS) return false;
    if (!known) this.#waited.set(id, this.#begun);
    return this.#waited.get(id) === this.#begun;
  }
}
