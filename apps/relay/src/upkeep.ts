import type { Database } from '#db';
import { extendOutbox, pruneOutbox } from '#outbox';

const EVERY_MS = 3_600_000;
/** Finance closes monthly and looks back a year: the outbox is the archive of what was said. */
const ARCHIVE_DAYS = 400;

/**
 * Makes the outbox's next partition in time and drops what the archive no longer needs, now and every hour. Every relay
 * does, leader or not: they take turns, and a second one finds nothing to do. The returned function stops it.
 */
export function startUpkeep(
  database: Database,
  surprised: (message: string, cause?: unknown) => void,
): () => Promise<void> {
  let running = Promise.resolve();
  const round = async (): Promise<void> => {
    try {
      await extendOutbox(database);
      await pruneOutbox(database, ARCHIVE_DAYS);
    } catch (error) {
      surprised('the upkeep of the outbox partitions did not get through; it is tried again in an hour', error);
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
