/** A partition is made a million ids ahead: a minute is in time for 16,000 events a second. */
const EVERY_MS = 60_000;
const PRUNE_EVERY = 60;

export interface Upkeep {
  /** makes partitions in time: now and every minute */
  extend(): Promise<unknown>;
  /** drops what is not needed any more: now and every hour; without it nothing is dropped */
  prune?(): Promise<unknown>;
  /** a round that did not get through is tried again in a minute */
  surprised(cause: unknown): void;
}

/**
 * Looks after partitions. Every process of a stage does: they take turns, and a second one finds nothing to do. The returned
 * function stops it, after the round in hand.
 */
export function startUpkeep({ extend, prune, surprised }: Upkeep): () => Promise<void> {
  let running = Promise.resolve();
  let rounds = 0;
  const round = async (): Promise<void> => {
    try {
      await extend();
      if (rounds++ % PRUNE_EVERY === 0) await prune?.();
    } catch (error) {
      surprised(error);
    }
  };
  const again = (): void => {
    running = running.then(round);
  };
  again();
  const timer = setInterval(again, EVERY_MS).unref();
  return async () => {
    clearInterval(timer);
    await running;
  };
}
