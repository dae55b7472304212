import { CrossdockError } from '#contracts';
import { SCHEMA, type Queryable } from './database.ts';

/** How far a database had come when somebody outside it wrote that down. */
export interface Mark {
  /** of the database: another one's marks say nothing */
  id: string;
  generation: number;
  mark: bigint;
  at: Date;
}

/** Later generations come after every mark of earlier ones. */
export const isLater = (one: Mark, other: Pick<Mark, 'generation' | 'mark'>): boolean =>
  one.generation > other.generation || (one.generation === other.generation && one.mark > other.mark);

export interface History {
  id: string | null;
  generation: number;
  mark: bigint;
  markedAt: Date | null;
  state: 'trusted' | 'doubted';
  reason: string | null;
  doubtedAt: Date | null;
  /** what was committed after this may be missing */
  vouchedUntil: Date | null;
  /** the newest mark outside was made then */
  witnessedUntil: Date | null;
  reportedAt: Date | null;
  report: unknown;
  acceptedAt: Date | null;
  lookUntil: Date | null;
}

/** What serves the database now beside what served its newest mark. */
interface Compared extends History {
  sameSystem: boolean | null;
  sameTimeline: boolean | null;
  sameTables: boolean | null;
}

const SYSTEM = '(select system_identifier::text from pg_control_system())';
/** The first eight digits of a WAL file's name. `pg_control_checkpoint` is behind until the first checkpoint after a promotion. */
const TIMELINE = 'left(pg_walfile_name(pg_current_wal_lsn()), 8)';
const TABLES = `${SCHEMA}.history'::regclass`;
const DATABASE = '(select oid from pg_database where datname = current_database())';

const COLUMNS = `id, generation, mark, marked_at as "markedAt", state, reason, doubted_at as "doubtedAt",
  vouched_until as "vouchedUntil", witnessed_until as "witnessedUntil", reported_at as "reportedAt", report,
  accepted_at as "acceptedAt", look_until as "lookUntil"`;

export async function readHistory(db: Queryable): Promise<History> {
  const [row] = await db.query<History>(`select ${COLUMNS} from ${SCHEMA}.history`);
  return row!;
}

const COMPARE = `
  select ${COLUMNS}, system_identifier = ${SYSTEM} as "sameSystem", timeline = ${TIMELINE} as "sameTimeline",
    table_oid = '${TABLES} and database_oid = ${DATABASE} as "sameTables"
  from ${SCHEMA}.history`;

/** `mark = $1`: of two relays one marks; the other sees its mark at the next look. */
const MARK = `
  with marked as (
    update ${SCHEMA}.history set id = coalesce(id, gen_random_uuid()), mark = mark + 1, marked_at = clock_timestamp(),
      system_identifier = ${SYSTEM}, timeline = ${TIMELINE}, table_oid = '${TABLES},
      database_oid = ${DATABASE}, server_started_at = pg_postmaster_start_time()
    where state = 'trusted' and mark = $1 and generation = $2
    returning *
  ) select id, generation, mark, marked_at as at from marked`;

/** The log in this database went back with it: whoever reads it must take its partitions anew (see `may_commit`). */
const DOUBT = `
  with taken as (delete from ${SCHEMA}.log_group_lease)
  update ${SCHEMA}.history set state = 'doubted', reason = $1, doubted_at = clock_timestamp(), vouched_until = marked_at,
    witnessed_until = $2, generation = greatest(generation, $3) + 1, reported_at = null, report = null
  where state = 'trusted' or generation <= $3`;

/**
 * Compares the database with the newest mark that was seen outside it, and marks it anew: the answer is to be written down
 * outside, after the commit, so that what is outside is never ahead of a database that lost nothing. Undefined: the
 * database is doubted (now or since before), or another relay marked it at this moment.
 *
 * Called once a second by each relay process and before its first work. `seen` must have been read before this call.
 */
export async function vouch(db: Queryable, seen: Mark | undefined): Promise<Mark | undefined> {
  const [now] = await db.query<Compared>(COMPARE);
  // doubted already, unless that doubt itself was restored: what was looked at then is older than what is known now
  if (now!.state === 'doubted' && !(seen !== undefined && isLater(seen, now!))) return undefined;
  const doubt = whyDoubt(now!, seen);
  if (doubt !== undefined) {
    const [until, generation] = [seen !== undefined && isLater(seen, now!) ? seen.at : null, seen?.generation ?? 0];
    await db.query(DOUBT, [doubt, until, generation]);
    return undefined;
  }
  const [marked] = await db.query<Mark>(MARK, [now!.mark, now!.generation]);
  return marked;
}

function whyDoubt(now: Compared, seen: Mark | undefined): string | undefined {
  const behind = seen !== undefined && isLater(seen, now);
  // what is known of earlier generations was settled when this one was accepted
  const other = seen !== undefined && seen.id !== now.id && seen.generation >= now.generation;
  if (now.id === null) return other ? 'the event log knows a database with a history, and this one is new' : undefined;
  if (other) return 'the event log knows another database than this one';
  if (now.sameSystem === false || now.sameTables === false) return 'the database was restored from a dump';
  if (now.sameTimeline === false)
    return 'the server was promoted or restored to a point in time: commits before that may be missing';
  if (behind) return 'the database is older than the newest mark of it: it was restored to an earlier point';
  return undefined;
}

/** Stores what was found; from now on events are taken in again. Nothing is sent until `acceptHistory`. */
export async function reportHistory(db: Queryable, report: unknown): Promise<void> {
  await db.query(`update ${SCHEMA}.history set reported_at = clock_timestamp(), report = $1 where state = 'doubted'`, [
    JSON.stringify(report),
  ]);
}

const ACCEPT = `
  with accepted as (
    update ${SCHEMA}.history set state = 'trusted', id = coalesce(id, gen_random_uuid()),
      mark = mark + 1, accepted_at = clock_timestamp(),
      marked_at = clock_timestamp(), look_until = clock_timestamp() + make_interval(days => $1),
      system_identifier = ${SYSTEM}, timeline = ${TIMELINE}, table_oid = '${TABLES},
      database_oid = ${DATABASE}, server_started_at = pg_postmaster_start_time()
    where state = 'doubted' and reported_at is not null and doubted_at < clock_timestamp() - interval '10 s'
    returning generation
  ) select generation from accepted`;

/**
 * This database is the truth from now on, and until `lookDays` have passed nothing is created at
 * a target without a look. Not within 10 s of the doubt: every process must have seen it.
 */
export async function acceptHistory(db: Queryable, lookDays: number): Promise<number> {
  const [row] = await db.query<{ generation: number }>(ACCEPT, [lookDays]);
  if (row) return row.generation;
  const now = await readHistory(db);
  const why =
    now.state === 'trusted'
      ? 'the database is not doubted: there is nothing to accept'
      : now.reportedAt === null
        ? 'nobody has looked yet: run `crossdock restore report` first'
        : 'the doubt is younger than 10 s: try again';
  throw new CrossdockError('CROSSDOCK_RESTORE_NOT_YET', why);
}
