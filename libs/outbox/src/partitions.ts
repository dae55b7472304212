import { FINISHED } from '#contracts';
import { SCHEMA, type Database, type Transaction } from '#db';

/** Ids per partition of the outbox, and how long before its end the next one is made. */
const SIZE = 5_000_000n;
const AHEAD = 1_000_000n;
/** One process at a time; any number that nothing else uses. */
const LOCK = 7_236_004;

interface Partition {
  name: string;
  /** ids below this */
  end: bigint;
}

const PARTITIONS = `
  select child.relname as name,
    (regexp_match(pg_get_expr(child.relpartbound, child.oid), 'TO \\(''?(\\d+)'))[1]::bigint as "end"
  from pg_inherits
  join pg_class as child on child.oid = pg_inherits.inhrelid
  where pg_inherits.inhparent = '${SCHEMA}.outbox'::regclass
    and pg_get_expr(child.relpartbound, child.oid) <> 'DEFAULT'
  order by "end"`;

/** PostgreSQL refuses a partition while the default one holds rows of its range: a sequence was set ahead, or nobody made one in time. */
const MOVE = (name: string): string => `
  with strayed as (delete from ${SCHEMA}.outbox_default where id >= $1 and id < $2 returning *)
  insert into ${SCHEMA}.${name} select * from strayed`;

/**
 * Makes the next partition in time, so that no row falls into the default one. Called by the relay's leader at its
 * start and every hour; the names of what it made.
 */
export async function extendOutbox(database: Database): Promise<string[]> {
  return inTurn(database, async (tx) => {
    const [sequence] = await tx.query<{ last_value: bigint }>(`select last_value from ${SCHEMA}.outbox_id`);
    const partitions = await tx.query<Partition>(PARTITIONS);
    let end = partitions.at(-1)!.end;
    const made: string[] = [];
    if (sequence!.last_value + AHEAD < end) return made;
    await tx.query(`lock table ${SCHEMA}.outbox_default in access exclusive mode`); // nothing strays while we move
    while (sequence!.last_value + AHEAD >= end) {
      const name = `outbox_${(end - 1n) / SIZE + 1n}`;
      // attached, not created in place: that would lock out every append until the longest transaction has ended
      await tx.query(`create table ${SCHEMA}.${name} (like ${SCHEMA}.outbox including defaults including indexes)`);
      await tx.query(MOVE(name), [end, end + SIZE]);
      await tx.query(
        `alter table ${SCHEMA}.outbox attach partition ${SCHEMA}.${name} for values from (${end}) to (${end + SIZE})`,
      );
      end += SIZE;
      made.push(name);
    }
    return made;
  });
}

const FINISHED_LIST = [...FINISHED].map((status) => `'${status}'`).join(', ');

/**
 * Nothing of the partition is needed any more: published, older than the archive, and nothing that came of it is
 * unfinished. `outbox_event` stays: event ids are never forgotten.
 */
const MAY_GO = (name: string): string => `
  select not exists (
      select 1 from ${SCHEMA}.relay_cursor as cursor
      where cursor.high < $1 or exists (
        select 1 from jsonb_to_recordset(cursor.gaps) as gap ("from" bigint) where gap."from" < $1))
    and not exists (select 1 from ${SCHEMA}.relay_set_aside where id < $1 and published_at is null)
    and not exists (select 1 from ${SCHEMA}.${name} where appended_at > clock_timestamp() - make_interval(days => $2))
    and not exists (
      select 1 from ${SCHEMA}.${name} as row join ${SCHEMA}.delivery using (event_id)
      where delivery.status not in (${FINISHED_LIST})) as may`;

/** Drops whole partitions that are older than `days` (the archive: 400) and finished; the names of what it dropped. */
export async function pruneOutbox(database: Database, days: number): Promise<string[]> {
  return inTurn(database, async (tx) => {
    const partitions = await tx.query<Partition>(PARTITIONS);
    const dropped: string[] = [];
    for (const { name, end } of partitions.slice(0, -1)) {
      const [answer] = await tx.query<{ may: boolean }>(MAY_GO(name), [end, days]);
      if (!answer!.may) break; // oldest first, without holes
      await tx.query(`drop table ${SCHEMA}.${name}`);
      dropped.push(name);
    }
    return dropped;
  });
}

function inTurn<T>(database: Database, work: (tx: Transaction) => Promise<T>): Promise<T> {
  return database.transaction(async (tx) => {
    await tx.query('select pg_advisory_xact_lock($1)', [LOCK]);
    await tx.query("set local lock_timeout = '2s'"); // appends queue behind us: rather try again in an hour
    return work(tx);
  });
}
