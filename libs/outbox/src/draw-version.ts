import { CrossdockError } from '#contracts';
import { SCHEMA, type Queryable, type Statement } from '#db';

/** What one event of a record needs: its key and, where the source has one, its own version of the record. */
export interface VersionWanted {
  key: string;
  sourceVersion?: bigint;
}

export interface DrawnVersion {
  /** grows by one per event of the record */
  version: bigint;
  /** the event's own, else the highest known of the record */
  sourceVersion?: bigint;
  /** what the event inherits from our own write to the record (own_write); 0 otherwise */
  hopCount: number;
  /** of the database: the same version drawn again after a restore is another one */
  generation: number;
}

/**
 * Takes the row lock of each record, in key order, and counts it up by the number of events wanted. The lock is held
 * until the transaction ends, so whatever is drawn later in it (the outbox id) follows the version's order. A database that may
 * be older than the log draws none (`may_draw`): what is missing had these versions. `order by`:
 * two transactions with the same records lock them in the same order; "C" is the same everywhere.
 */
const DRAW: Statement = {
  name: 'outbox-draw-version',
  text: `
    insert into ${SCHEMA}.aggregate_version as held (key, version, source_version, inherited_hops)
    select key, count, source_version,
      coalesce((select hops from ${SCHEMA}.own_write as own where own.key = wanted.key), 0)
    from unnest($1::text[], $2::bigint[], $3::bigint[]) as wanted (key, count, source_version)
    where ${SCHEMA}.may_draw()
    order by key collate "C"
    on conflict (key) do update set
      version = held.version + excluded.version,
      source_version = greatest(held.source_version, excluded.source_version),
      inherited_hops = excluded.inherited_hops,
      xid = pg_current_xact_id()
    returning key, version, source_version, inherited_hops, (select generation from ${SCHEMA}.history) as generation`,
};

interface Row {
  key: string;
  version: bigint | string;
  source_version: bigint | string | null;
  inherited_hops: number;
  generation: number;
}

/**
 * Draws one version per wanted event, in the order given (several of one record count on). Called inside the business
 * transaction by capture, delivery's replays and `append`; must come before the outbox rows in a statement of its own.
 */
export async function drawVersions(tx: Queryable, wanted: readonly VersionWanted[]): Promise<DrawnVersion[]> {
  if (wanted.length === 0) return [];
  const counts = new Map<string, { count: bigint; source: bigint | null }>();
  for (const { key, sourceVersion } of wanted) {
    const known = counts.get(key) ?? { count: 0n, source: null };
    known.count += 1n;
    if (sourceVersion !== undefined && (known.source === null || sourceVersion > known.source))
      known.source = sourceVersion;
    counts.set(key, known);
  }
  const rows = await tx.query<Row>(DRAW, [
    [...counts.keys()],
    [...counts.values()].map(({ count }) => count),
    [...counts.values()].map(({ source }) => source),
  ]);
  if (rows.length === 0)
    throw new CrossdockError(
      'CROSSDOCK_OUTBOX_DATABASE_DOUBTED',
      'the database was restored to an earlier point: nothing is taken in until `crossdock restore report` has looked',
      { retryable: true },
    );
  const held = new Map(rows.map((row) => [row.key, row]));
  const next = new Map([...counts].map(([key, { count }]) => [key, BigInt(held.get(key)!.version) - count]));
  return wanted.map(({ key, sourceVersion }) => {
    const row = held.get(key)!;
    const version = next.get(key)! + 1n;
    next.set(key, version);
    return {
      version,
      sourceVersion: sourceVersion ?? (row.source_version === null ? undefined : BigInt(row.source_version)),
      hopCount: row.inherited_hops,
      generation: row.generation,
    };
  });
}

/** One event of one record, see `drawVersions`. */
export async function drawVersion(tx: Queryable, key: string, sourceVersion?: bigint): Promise<DrawnVersion> {
  const [drawn] = await drawVersions(tx, [{ key, sourceVersion }]);
  return drawn!;
}
