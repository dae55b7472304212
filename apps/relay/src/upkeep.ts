import type { Database } from '#db';
import { extendOutbox, pruneOutbox } from '#outbox';

/** A partition is made a million ids ahead: a minute is in time for 16,000 events a second. */
const EXTEND_EVERY_MS = 60_000;
const PRUNE_EVERY = 60;
/** Finance closes monthly and looks back a year: the outbox is the archive of what was said. */
const ARCHIVE_DAYS = 400;

/**
 * Makes the outbox's next partition in time (now and every minute) and drops what the archive no longer needs (now and every
 * hour). Every relay does, leader or not: they take turns, and a second one finds nothing to do. The returned function stops it.
 */
export function startUpkeep(
  database: Database,
  surprised: (message: string, cause?: unknown) => void,
): () => Promise<void> {
  let running = Promise.resolve();
  let rounds = 0;
  const round = async (): Promise<void> => {
    try {
      await extendOutbox(database);
      if (rounds++ % PRUNE_EVERY === 0) await pruneOutbox(database, ARCHIVE_DAYS);
    } catch (error) {
      surprised('the upkeep of the outbox partitions did not get through; it is tried again in a minute', error);
    }
  };
  const again = (): void => {
    running = running.then(round);
  };
  again();
  const timer = setInterval(again, EXTEND_EVERY_MS).unref();
  return async () => {
    clearInterval(timer);
    await running;
  };
}
