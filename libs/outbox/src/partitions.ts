import { SCHEMA, UPKEEP_TIMEOUT_MS, type Database, type Statement } from '#db';
import { extendPartitions, prunePartitions, type Partitioned } from './partitioned.ts';
import { unfinishedSql } from './read-unfinished.ts';

const OUTBOX: Partitioned = {
  table: 'outbox',
  column: 'id',
  sequence: 'outbox_id',
  size: 5_000_000n,
  ahead: 1_000_000n,
  lock: 7_236_004,
};

/** Makes the next partition in time. Called by every relay at its start and every minute; the names of what it made. */
export const extendOutbox = (database: Database): Promise<string[]> => extendPartitions(database, OUTBOX);

/**
 * Nothing of the partition is needed any more: published, older than the archive, delivery has all of it (a refill would
 * not need it), and nothing that came of it is unfinished. `outbox_event` stays: event ids are never forgotten. Reads every row
 * of the partition, up to five million, and is asked once: what is so old and finished does not become unfinished meanwhile.
 */
const MAY_GO = (name: string): Statement => ({
  timeoutMs: UPKEEP_TIMEOUT_MS,
  text: `
  select not exists (
      select 1 from ${SCHEMA}.relay_cursor as cursor
      where cursor.high < $1 or exists (
        select 1 from jsonb_to_recordset(cursor.gaps) as gap ("from" bigint) where gap."from" < $1))
    and not exists (select 1 from ${SCHEMA}.relay_set_aside where id < $1 and published_at is null)
    and not exists (select 1 from ${SCHEMA}.${name} where appended_at > clock_timestamp() - make_interval(days => $2))
    and not exists (
      select 1 from ${SCHEMA}.${name} as row join ${SCHEMA}.delivery using (event_id)
      where delivery.ended is null)
    and not exists (
      select 1 from ${SCHEMA}.${name} as row
      where row.topic like 'crm.%' and row.headers->>'ce_replayof' is null and ${unfinishedSql('row')}) as may`,
});

/** Drops whole partitions that are older than `days` (the archive: 400) and finished, oldest first; the names of what it dropped. */
export const pruneOutbox = (database: Database, days: number): Promise<string[]> =>
  prunePartitions(
    database,
    OUTBOX,
    async (db, { name, end }) => (await db.query<{ may: boolean }>(MAY_GO(name), [end, days]))[0]!.may,
    { holes: false, again: false },
  );
