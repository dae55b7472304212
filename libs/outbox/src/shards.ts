import { CrossdockError } from '#contracts';
import { SCHEMA, type Database, type Queryable } from '#db';
import { LEADER_LOCK } from './claim.ts';
import { gapsFromJson, gapsToJson, type Gap, type StoredGap } from './gap.ts';

/** More relays than this have not been tried: each reads every id. */
const MOST = 16;
/** Each relay of each process holds this lock, shared: who is alive. Any number that nothing else uses. */
const MEMBER_LOCK = 7_236_005;

export async function countShards(db: Queryable): Promise<number> {
  const [row] = await db.query<{ count: number }>(`select count(*)::integer as count from ${SCHEMA}.relay_cursor`);
  return row!.count;
}

/** Called on the relay's own session: it counts as alive until that session ends. */
export async function joinRelays(session: Queryable): Promise<void> {
  await session.query('select pg_advisory_lock_shared($1, 0)', [MEMBER_LOCK]);
}

/** Relays that are alive, over all processes and shards. */
export async function countRelays(db: Queryable): Promise<number> {
  const [row] = await db.query<{ count: number }>(
    `select count(*)::integer as count from pg_locks
     where locktype = 'advisory' and classid = $1 and objid = 0 and objsubid = 2
       and database = (select oid from pg_database where datname = current_database())`,
    [MEMBER_LOCK],
  );
  return row!.count;
}

/**
 * Changes the number of shards. Every key's order stays: it is done while no relay leads (all leader locks are held here,
 * and each epoch moves on), and every new shard begins where the last of the old ones stands, so what another old one had
 * published beyond that is published again, as after a crash. Throws `CROSSDOCK_RELAY_SHARDS` while a relay leads.
 */
export async function changeShards(database: Database, shards: number): Promise<void> {
  if (!Number.isInteger(shards) || shards < 1 || shards > MOST)
    throw refused(`the number of shards is 1 to ${MOST}, not ${shards}`);
  const session = await database.session();
  try {
    for (let shard = 0; shard < MOST; shard++) {
      const [lock] = await session.query<{ got: boolean }>('select pg_try_advisory_lock($1, $2) as got', [
        LEADER_LOCK,
        shard,
      ]);
      if (!lock!.got) throw refused(`a relay leads shard ${shard}: stop every relay process first`);
    }
    await session.query('begin');
    const cursors = await session.query<{ epoch: bigint; high: bigint; gaps: StoredGap[]; published: bigint }>(
      `select epoch, high, gaps, published from ${SCHEMA}.relay_cursor for update`,
    );
    const { high, gaps } = together(
      cursors.map(({ high: at, gaps: open }) => ({ high: at, gaps: gapsFromJson(open) })),
    );
    const epoch = cursors.reduce((most, cursor) => (cursor.epoch > most ? cursor.epoch : most), 0n) + 1n;
    await session.query(`delete from ${SCHEMA}.relay_cursor where shard >= $1`, [shards]);
    await session.query(
      `insert into ${SCHEMA}.relay_cursor (shard, epoch, high, gaps)
       select n, $2, $3, $4::jsonb from generate_series(0, $1::integer - 1) as n
       on conflict (shard) do update set epoch = excluded.epoch, high = excluded.high, gaps = excluded.gaps, asleep = false`,
      [shards, epoch, high, gapsToJson(gaps)],
    );
    await session.query('commit');
  } finally {
    await session.close();
  }
}

/** The lowest cursor, and below it whatever is still open for any of them. Marks are taken anew. */
function together(cursors: readonly { high: bigint; gaps: readonly Gap[] }[]): { high: bigint; gaps: Gap[] } {
  const high = cursors.reduce((least, cursor) => (cursor.high < least ? cursor.high : least), cursors[0]!.high);
  const open = cursors
    .flatMap(({ gaps }) => gaps)
    .filter((gap) => gap.from <= high)
    .map((gap) => ({ from: gap.from, to: gap.to < high ? gap.to : high, xid: null, proven: false }))
    .sort((one, other) => (one.from < other.from ? -1 : 1));
  const gaps: Gap[] = [];
  for (const gap of open) {
    const last = gaps.at(-1);
    if (last === undefined || gap.from > last.to) gaps.push(gap);
    else if (gap.to > last.to) last.to = gap.to;
  }
  return { high, gaps };
}

const refused = (why: string): CrossdockError =>
  new CrossdockError('CROSSDOCK_RELAY_SHARDS', `changing the shards of the relay: ${why}`);
