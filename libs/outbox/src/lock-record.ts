import { SCHEMA, type Queryable, type Statement } from '#db';

export interface HeldRecord {
  /** the last drawn version; none is drawn here */
  version: bigint;
  /** the highest known of the source, where it has one */
  sourceVersion?: bigint;
}

const LOCK: Statement = {
  name: 'outbox-lock-record',
  text: `
    update ${SCHEMA}.aggregate_version set xid = pg_current_xact_id() where key = $1
    returning version, source_version`,
};

/**
 * Takes the record's lock without drawing a version: what a replay does before it appends, so that its outbox id falls
 * between those of the record's own events. Undefined for a record that never had one.
 */
export async function lockRecord(tx: Queryable, key: string): Promise<HeldRecord | undefined> {
  // pg answers an update through TypeORM as [rows, count], through our own pool as rows; `with` makes both a select
  const [row] = await tx.query<{ version: bigint | string; source_version: bigint | string | null }>(
    { name: LOCK.name, text: `with held as (${LOCK.text}) select * from held` },
    [key],
  );
  if (!row) return undefined;
  return {
    version: BigInt(row.version),
    sourceVersion: row.source_version === null ? undefined : BigInt(row.source_version),
  };
}
