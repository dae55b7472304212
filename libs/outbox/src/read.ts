import type { CopiedColumns, Copyable, Statement } from '#db';
import type { Gap } from './gap.ts';
import { BY_PARAMETERS, literally, readShardSql, readSql } from './read-sql.ts';

/** A committed row that the relay has not read yet. */
export interface UnreadRow {
  id: bigint;
  topic: string;
  key: string;
  headers: Record<string, string>;
  payload: Buffer | null;
  appendedAt: Date;
  /** of a key of another shard: only its id is there */
  foreign?: boolean;
}

/** What one snapshot of the database shows. */
export interface Snapshot {
  /** every transaction below this one has ended: `pg_snapshot_xmin` of the same snapshot as the rows */
  xmin: bigint;
  /** by id */
  rows: UnreadRow[];
  /** the highest id ever drawn: above the cursor something is on its way, or was rolled back */
  drawn: bigint;
  /** a limit may have cut the list: nothing is known of ids above the last row */
  cut: boolean;
}

/** A read of at most so many rows goes as a prepared statement: COPY is planned anew each time, which takes longer than few rows. */
export const FEW_ROWS = 100;

const FEW: Statement = { name: 'outbox-read-few', text: readSql(BY_PARAMETERS) };
const FEW_OF_SHARD: Statement = { name: 'outbox-read-few-of-shard', text: readShardSql(BY_PARAMETERS) };

/** Asked by the relay's leader, one at a time. `rows` (of one shard's share) and `bytes` bound the batch; one row always fits. */
export async function readOutbox(
  db: Copyable,
  from: { high: bigint; gaps: readonly Gap[] },
  limit: { rows: number; bytes: number },
  of: { shard: number; shards: number } = { shard: 0, shards: 1 },
): Promise<Snapshot> {
  const most = { rows: limit.rows * of.shards, bytes: limit.bytes };
  const { rows, seen } = await (limit.rows <= FEW_ROWS ? readFew(db, from, most, of) : readMany(db, from, most, of));
  const bytes = rows.reduce((sum, row) => sum + (row.payload?.length ?? 0), 0);
  return {
    ...seen,
    rows: rows.sort((one, other) => (one.id < other.id ? -1 : 1)),
    // as the statement has it: a row goes while those before it are below the limit
    cut: rows.length >= most.rows || bytes >= most.bytes,
  };
}

interface Read {
  rows: UnreadRow[];
  seen: { xmin: bigint; drawn: bigint };
}
type From = Parameters<typeof readOutbox>[1];
type Most = Parameters<typeof readOutbox>[2];
type Of = { shard: number; shards: number };

async function readFew(db: Copyable, from: From, most: Most, of: Of): Promise<Read> {
  const read = await db.query<FewRow>(of.shards > 1 ? FEW_OF_SHARD : FEW, [
    from.high,
    from.gaps.map((gap) => gap.from),
    from.gaps.map((gap) => gap.to),
    most.rows,
    most.bytes,
    ...(of.shards > 1 ? [of.shard, of.shards] : []),
  ]);
  const seen = read.find(({ id }) => id === null)!;
  return {
    rows: read
      .filter((row) => row.id !== null)
      .map(({ id, topic, key, headers, payload, appended_at, foreign }) => ({
        id: id!,
        topic,
        key,
        headers: headersOf(headers),
        payload,
        appendedAt: appended_at,
        ...(foreign && { foreign }),
      })),
    seen: { xmin: BigInt(seen.xmin), drawn: seen.drawn },
  };
}

interface FewRow {
  /** null: the row that says what the snapshot shows besides */
  id: bigint | null;
  topic: string;
  key: string;
  headers: string | null;
  payload: Buffer | null;
  appended_at: Date;
  xmin: string;
  drawn: bigint;
  foreign?: boolean;
}

async function readMany(db: Copyable, from: From, most: Most, of: Of): Promise<Read> {
  const shared = of.shards > 1;
  const reading = literally(from, most, of);
  const rows: UnreadRow[] = [];
  let seen: Read['seen'] | undefined;
  await db.copy(shared ? readShardSql(reading) : readSql(reading), (columns) => {
    const id = columns.bigint();
    if (id === null) seen = snapshotOf(columns);
    else rows.push(rowOf(id, columns, shared));
  });
  return { rows, seen: seen! };
}

function rowOf(id: bigint, columns: CopiedColumns, shared: boolean): UnreadRow {
  const topic = columns.text()!;
  const key = columns.text()!;
  const row: UnreadRow = {
    id,
    topic,
    key,
    headers: headersOf(columns.text()),
    payload: columns.bytes(),
    appendedAt: columns.timestamp()!,
  };
  if (!shared) return row;
  columns.text();
  columns.bigint();
  return columns.boolean() ? { ...row, foreign: true } : row;
}

const headersOf = (text: string | null): Record<string, string> =>
  text === null ? {} : (JSON.parse(text) as Record<string, string>);

function snapshotOf(columns: CopiedColumns): { xmin: bigint; drawn: bigint } {
  for (let column = 0; column < 5; column++) columns.text(); // those of a row, all null
  return { xmin: BigInt(columns.text()!), drawn: columns.bigint()! };
}
