import type { Database } from '#db';
import { extendOutbox, pruneOutbox, startUpkeep as startRounds } from '#outbox';

/** Finance closes monthly and looks back a year: the outbox is the archive of what was said. */
const ARCHIVE_DAYS = 400;

/** Makes the outbox's next partition in time and drops what the archive no longer needs. The returned function stops it. */
export function startUpkeep(
  database: Database,
  surprised: (message: string, cause?: unknown) => void,
): () => Promise<void> {
  return startRounds({
    extend: () => extendOutbox(database),
    prune: () => pruneOutbox(database, ARCHIVE_DAYS),
    surprised: (cause) =>
      surprised('the upkeep of the outbox partitions did not get through; it is tried again in a minute', cause),
  });
}
