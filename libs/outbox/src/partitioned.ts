import { SCHEMA, UPKEEP_TIMEOUT_MS, type Database, type Queryable, type Transaction } from '#db';

/** A table that is cut into ranges of an id that a sequence draws, and has a default partition for what strays. */
export interface Partitioned {
  /** its partitions are called `<table>_<n>`, from 1 */
  table: string;
  /** the column of the ranges */
  column: string;
  sequence: string;
  /** ids in a partition, and how long before its end the next one is made */
  size: bigint;
  ahead: bigint;
  /** advisory lock: one process at a time; any number that nothing else uses */
  lock: number;
}

export interface Partition {
  name: string;
  /** ids from here ... */
  start: bigint;
  /** ... to below this */
  end: bigint;
}

const partitionsOf = (table: string): string => `
  select child.relname as name,
    (regexp_match(pg_get_expr(child.relpartbound, child.oid), 'TO \\(''?(\\d+)'))[1]::bigint as "end",
    'with (' || array_to_string(child.reloptions, ', ') || ')' as settings
  from pg_inherits
  join pg_class as child on child.oid = pg_inherits.inhrelid
  where pg_inherits.inhparent = '${SCHEMA}.${table}'::regclass
    and pg_get_expr(child.relpartbound, child.oid) <> 'DEFAULT'
  order by "end"`;

/**
 * Makes the next partition in time, so that no row falls into the default one; the names of what it made. PostgreSQL refuses a
 * partition while the default one holds rows of its range (a sequence was set ahead, or nobody made one in time): then the default
 * one becomes that partition, as far as its rows go, and an empty one takes its place. Whoever uses the table waits while it is
 * looked through, once: 2 s for two million attempts (1.4 GB). Moving them instead took 22 s.
 */
export async function extendPartitions(database: Database, of: Partitioned): Promise<string[]> {
  const isNear = async (db: Queryable): Promise<boolean> => {
    const [sequence] = await db.query<{ last_value: bigint }>(`select last_value from ${SCHEMA}.${of.sequence}`);
    return sequence!.last_value + of.ahead >= (await list(db, of)).at(-1)!.end;
  };
  if (!(await isNear(database))) return [];
  return inTurn(database, of, async (tx) => {
    const made: string[] = [];
    while (await isNear(tx)) made.push(await makeNext(tx, of)); // not at all if somebody else was first
    return made;
  });
}

async function makeNext(tx: Transaction, of: Partitioned): Promise<string> {
  const { end: start, settings } = (await list(tx, of)).at(-1)!;
  const parent = `${SCHEMA}.${of.table}`;
  const name = `${of.table}_${(start - 1n) / of.size + 1n}`;
  const newest = async (): Promise<bigint | null> => {
    const last = `select max(${of.column}) as id from ${parent}_default where ${of.column} >= $1`;
    return (await tx.query<{ id: bigint | null }>(last, [start]))[0]!.id;
  };
  const attach = (end: bigint): Promise<unknown> => {
    const text = `alter table ${parent} attach partition ${SCHEMA}.${name} for values from (${start}) to (${end})`;
    return tx.query({ text, timeoutMs: UPKEEP_TIMEOUT_MS }); // looks for rows of the range, or outside it
  };
  if ((await newest()) === null) {
    // attached, not created in place: that would lock out every insert until the longest transaction has ended; `like` leaves out
    // what is set on the table (fillfactor)
    await tx.query(`create table ${SCHEMA}.${name} (like ${parent} including all) ${settings ?? ''}`);
    await attach(start + of.size);
    return name;
  }
  await tx.query(`lock table only ${parent} in access exclusive mode`); // nothing strays any more
  const end = (((await newest())! - 1n) / of.size + 1n) * of.size + 1n;
  await tx.query(`alter table ${parent} detach partition ${parent}_default`);
  await tx.query(`alter table ${parent}_default rename to ${name}`);
  await attach(end);
  await tx.query(`create table ${parent}_default partition of ${parent} default ${settings ?? ''}`);
  return name;
}

/** Whether nothing of the partition is needed any more. */
export type MayGo = (db: Queryable, partition: Partition) => Promise<boolean>;

export interface PruneRules {
  /** false: the first that has to stay keeps all that are younger */
  holes: boolean;
  /** asked once more when nobody else can reach the table: where somebody may want a row again, and asking is cheap */
  again: boolean;
}

/**
 * Drops partitions of which `mayGo` says that nothing is needed any more, oldest first, never the last one; the names of what it
 * dropped. Dropping one locks out whoever uses the table: so each has a transaction of its own, and what may take minutes is
 * asked before it.
 */
export async function prunePartitions(
  database: Database,
  of: Partitioned,
  mayGo: MayGo,
  rules: PruneRules,
): Promise<string[]> {
  const dropped: string[] = [];
  for (const partition of (await list(database, of)).slice(0, -1)) {
    const may = await mayGo(database, partition);
    const is = may ? await drop(database, of, partition, rules.again ? mayGo : undefined) : 'needed';
    if (is === 'dropped') dropped.push(partition.name);
    if (is === 'needed' && !rules.holes) break;
  }
  return dropped;
}

function drop(
  database: Database,
  of: Partitioned,
  partition: Partition,
  mayGo: MayGo | undefined,
): Promise<'dropped' | 'gone' | 'needed'> {
  return inTurn(database, of, async (tx) => {
    if (!(await list(tx, of)).some(({ name }) => name === partition.name)) return 'gone'; // somebody else was first
    await tx.query(`lock table only ${SCHEMA}.${of.table} in access exclusive mode`);
    if (mayGo && !(await mayGo(tx, partition))) return 'needed';
    await tx.query(`drop table ${SCHEMA}.${partition.name}`);
    return 'dropped';
  });
}

async function list(db: Queryable, { table }: Partitioned): Promise<(Partition & { settings: string | null })[]> {
  const rows = await db.query<{ name: string; end: bigint; settings: string | null }>(partitionsOf(table));
  return rows.map((row, at) => ({ ...row, start: rows[at - 1]?.end ?? 0n }));
}

function inTurn<T>(database: Database, { lock }: Partitioned, work: (tx: Transaction) => Promise<T>): Promise<T> {
  return database.transaction(async (tx) => {
    await tx.query({ text: 'select pg_advisory_xact_lock($1)', timeoutMs: UPKEEP_TIMEOUT_MS }, [lock]);
    await tx.query("set local lock_timeout = '2s'"); // inserts queue behind us: rather try again later
    return work(tx);
  });
}
