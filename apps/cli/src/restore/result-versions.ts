import { headersToEnvelope, type StoredRecord } from '#contracts';
import { SCHEMA, type Database, type Statement } from '#db';

const RAISE: Statement = {
  name: 'restore-raise-result-versions',
  text: `
    insert into ${SCHEMA}.result_version as known (key, version)
    select key, version from unnest($1::text[], $2::bigint[]) as seen (key, version) order by key
    on conflict (key) do update set version = excluded.version where known.version < excluded.version`,
};

/**
 * Lets the results of each record go on behind the newest one that the log holds: whoever reads them keeps the highest version of a
 * key, and would take no newer word for what was lost. Called by `crossdock restore report` with what stands in `sync.result.v1`.
 */
export async function raiseResultVersions(database: Database, records: readonly StoredRecord[]): Promise<void> {
  const newest = new Map<string, bigint>();
  for (const record of records) {
    const version = versionOf(record);
    if (version !== undefined && version > (newest.get(record.key) ?? 0n)) newest.set(record.key, version);
  }
  if (newest.size > 0) await database.query(RAISE, [[...newest.keys()], [...newest.values()]]);
}

/** Undefined for what is no event: others may have written it. */
function versionOf({ headers }: StoredRecord): bigint | undefined {
  try {
    return headersToEnvelope(headers).aggregateversion;
  } catch {
    return undefined;
  }
}
