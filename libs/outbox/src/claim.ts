import { CrossdockError } from '#contracts';
import { SCHEMA, type Queryable, type Statement } from '#db';
import { gapsFromJson, type Cursor, type StoredGap } from './gap.ts';

/** The first half of the advisory lock's key; the second is the shard. Any number that nothing else uses. */
export const LEADER_LOCK = 7_236_002;

/** What a new leader starts from. */
export interface Leadership {
  epoch: bigint;
  /** how many share the outbox; cannot change while somebody leads */
  shards: number;
  cursor: Cursor;
  /** keys that are stopped: they have rows set aside */
  stopped: string[];
}

const CLAIM: Statement = {
  name: 'outbox-claim',
  text: `
    with mine as (
      update ${SCHEMA}.relay_cursor set epoch = epoch + 1, asleep = false, beat_at = clock_timestamp() where shard = $1
      returning epoch, high, gaps
    )
    select epoch, high, gaps, (select count(*) from ${SCHEMA}.relay_cursor)::integer as shards,
      array(select distinct key from ${SCHEMA}.relay_set_aside where published_at is null) as stopped
    from mine`,
};

interface Row {
  epoch: bigint;
  high: bigint;
  gaps: StoredGap[];
  shards: number;
  stopped: string[];
}

/**
 * Tries to become the one active reader of the shard; `session` is one connection, not a pool. The lock lives as long as the session, so a crashed leader frees
 * it; the epoch makes what a frozen one still writes without effect. Undefined: somebody else leads.
 */
export async function claimLeadership(session: Queryable, shard: number): Promise<Leadership | undefined> {
  const [lock] = await session.query<{ got: boolean }>('select pg_try_advisory_lock($1, $2) as got', [
    LEADER_LOCK,
    shard,
  ]);
  if (!lock!.got) return undefined;
  const [row] = await session.query<Row>(CLAIM, [shard]);
  if (!row) throw new CrossdockError('CROSSDOCK_RELAY_NO_CURSOR', `there is no relay_cursor row for shard ${shard}`);
  const { epoch, high, gaps, shards, stopped } = row;
  return { epoch, shards, cursor: { high, gaps: gapsFromJson(gaps) }, stopped };
}

const BEAT: Statement = {
  name: 'outbox-beat',
  text: `
    with beat as (
      update ${SCHEMA}.relay_cursor set beat_at = clock_timestamp(), asleep = $3 where shard = $1 and epoch = $2
      returning epoch
    ) select count(*)::integer as count from beat`,
};

/**
 * Says that the leader is alive though nothing moves, and whether it wants the doorbell from now on. False: the epoch is
 * not the caller's any more.
 */
export async function beat(db: Queryable, shard: number, epoch: bigint, asleep: boolean): Promise<boolean> {
  const [row] = await db.query<{ count: number }>(BEAT, [shard, epoch, asleep]);
  return row!.count === 1;
}

const UNSEAT: Statement = {
  name: 'outbox-unseat',
  text: `
    select pg_terminate_backend(pid) as ended
    from pg_locks
    where locktype = 'advisory' and classid = $1 and objid = $2 and objsubid = 2 and granted
      and database = (select oid from pg_database where datname = current_database())
      and exists (
        select 1 from ${SCHEMA}.relay_cursor
        where shard = $2 and beat_at < clock_timestamp() - make_interval(secs => $3 / 1000.0)
      )`,
};

/**
 * A leader whose process is frozen keeps its session, and with it the lock. A stand-by that has seen no beat for `ms`
 * ends that session; the epoch takes care of the rest. True when it did.
 */
export async function unseatFrozen(db: Queryable, shard: number, ms: number): Promise<boolean> {
  const rows = await db.query<{ ended: boolean }>(UNSEAT, [LEADER_LOCK, shard, ms]);
  return rows.some((row) => row.ended);
}

/**
 * The relay reads ids in the order they were drawn. A session that caches sequence values would draw low ids late: the
 * record's order is gone. Throws `CROSSDOCK_OUTBOX_SEQUENCE_CACHE` unless the cache is 1; called at every start.
 */
export async function checkSequence(db: Queryable): Promise<void> {
  const [row] = await db.query<{ cache_size: bigint; increment_by: bigint; cycle: boolean }>(
    'select cache_size, increment_by, cycle from pg_sequences where schemaname = $1 and sequencename = $2',
    [SCHEMA, 'outbox_id'],
  );
  if (!row || row.cache_size !== 1n || row.increment_by !== 1n || row.cycle)
    throw new CrossdockError(
      'CROSSDOCK_OUTBOX_SEQUENCE_CACHE',
      `sequence ${SCHEMA}.outbox_id must exist with cache 1, increment 1 and no cycle: ` +
        `alter sequence ${SCHEMA}.outbox_id cache 1 increment 1 no cycle`,
    );
}
