/** Weight of the newest duration in the mean. */
const NEWEST = 0.1;
/** What varies around the mean is covered up to here. */
const MARGIN = 1.5;

/**
 * How much to have in hand so that a slot which becomes free is used at once: what passes through the slots while more is
 * made ready, as a share of the slots. With an ERP that answers in 50 ms and a database that writes in 10 ms it is 0.3. More
 * than needed is work that a crash leaves behind, so it is measured and bounded.
 */
export class Ahead {
  readonly #least: number;
  readonly #most: number;
  #making = 0;
  #using = Infinity;

  constructor(bounds: { least: number; most: number }) {
    this.#least = bounds.least;
    this.#most = bounds.most;
  }

  /** More was made ready within `ms`. */
  made(ms: number): void {
    this.#making = this.#making === 0 ? ms : this.#making + NEWEST * (ms - this.#making);
  }

  /** A slot was in use for `ms`. */
  used(ms: number): void {
    this.#using = this.#using === Infinity ? ms : this.#using + NEWEST * (ms - this.#using);
  }

  of(slots: number): number {
    const share = (MARGIN * this.#making) / Math.max(1, this.#using);
    return Math.ceil(slots * Math.min(Math.max(share, this.#least), this.#most));
  }
}
