import type { Database, Queryable } from '#db';
import { extendPartitions, prunePartitions, type Partition, type Partitioned } from '#outbox';

/**
 * Days. What a sender wrote is needed until its event is in the outbox, and afterwards only to explain one; the event itself is kept
 * by the outbox's archive. Personal data stands in it, so not longer than people ask.
 */
export const PAYLOAD_DAYS = 90;

const PAYLOADS: Partitioned = {
  table: 'captured_payload',
  column: 'captured_id',
  sequence: 'captured_id',
  size: 5_000_000n,
  ahead: 1_000_000n,
  lock: 7_236_005,
};

/** By the last row drawn in the partition: ids follow arrival closely. What waits or is rejected may still become an event. */
const MAY_GO = `
  select not exists (select 1 from captured where id >= $1 and id < $2 and status = 'waiting')
    and not exists (select 1 from captured where id >= $1 and id < $2 and status = 'rejected')
    and coalesce((select captured_at from captured where id >= $1 and id < $2 order by id desc limit 1) 
      < clock_timestamp() - make_interval(days => $3), true) as may`;

/** The names of the partitions it made. */
export const extendPayloads = (database: Database): Promise<string[]> => extendPartitions(database, PAYLOADS);

/**
 * Drops whole partitions of payloads older than `days` of which every row has become an event or was dismissed; a rejected row
 * keeps its own partition and no other, and so does a dismissed one that somebody wants normalised again at this moment.
 */
export const prunePayloads = (database: Database, days = PAYLOAD_DAYS): Promise<string[]> =>
  prunePartitions(database, PAYLOADS, (db, partition) => mayGo(db, partition, days), { holes: true, again: true });

async function mayGo(db: Queryable, { start, end }: Partition, days: number): Promise<boolean> {
  const [answer] = await db.query<{ may: boolean }>(MAY_GO, [start, end, days]);
  return answer!.may;
}
