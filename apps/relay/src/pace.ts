/** First and longest pause between reads that find nothing, ms. */
const FIRST = 5;
const LONGEST = 250;
/** From this pause on appends ring the doorbell: after 5 + 10 + 20 ms without a row. Under load it never rings. */
const DROWSY = 40;
/** Longest pause while ids are drawn that no read has shown: their transactions may end at any moment, without a ring. */
const EXPECTING = 40;

/**
 * How long to wait after a read that found nothing: 5 ms doubling to 250, cut short by the doorbell. A ring that came
 * before the wait counts, so none is lost between the read and the wait. What a writer committed without ringing (it
 * looked at the flag before the relay lay down) is found by the poll, at the latest after 250 ms.
 */
export class Pace {
  #pause = FIRST;
  #rung = false;
  #wake: (() => void) | undefined;

  /** Somebody appended, or the wait must end for another reason. */
  ring(): void {
    this.#rung = true;
    this.#wake?.();
  }

  /** A read found rows. */
  busy(): void {
    this.#pause = FIRST;
  }

  /** Nothing came for so long that the doorbell is worth its price. */
  get drowsy(): boolean {
    return this.#pause >= DROWSY;
  }

  /** `expecting`: some transaction is known to be on its way */
  async rest(expecting: boolean): Promise<void> {
    if (!this.#rung) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, expecting ? Math.min(this.#pause, EXPECTING) : this.#pause);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
      this.#wake = undefined;
    }
    this.#pause = this.#rung ? FIRST : Math.min(this.#pause * 2, LONGEST);
    this.#rung = false;
  }
}
