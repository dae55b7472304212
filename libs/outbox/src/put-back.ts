import { headersToEnvelope, parseRecordKey, type Envelope, type StoredRecord } from '#contracts';
import { SCHEMA, type Database, type Statement } from '#db';
import { appendRows, findEvents } from './append-rows.ts';

/** Takes each record's lock and lets its versions go on behind the highest one the log knows. In key order, see `drawVersions`. */
const CATCH_UP: Statement = {
  name: 'outbox-catch-up',
  text: `
    insert into ${SCHEMA}.aggregate_version as held (key, version, source_version)
    select key, version, source_version
    from unnest($1::text[], $2::bigint[], $3::bigint[]) as known (key, version, source_version)
    order by key collate "C"
    on conflict (key) do update set
      version = greatest(held.version, excluded.version),
      source_version = greatest(held.source_version, excluded.source_version),
      xid = pg_current_xact_id()`,
};

/** An event the log holds and the database lost. */
export interface Lost {
  record: StoredRecord;
  envelope: Envelope;
}

/**
 * Puts events that the log holds and the database does not know back into the outbox, as they were: same event id, same
 * version, same bytes. The relay publishes them once more, and whoever has them already knows them by their id. Answers
 * with those that were missing. Called by `crossdock restore report`, partition by partition in offset order.
 */
export async function putBack(database: Database, records: readonly StoredRecord[]): Promise<Lost[]> {
  const events = records.flatMap((record) => eventOf(record) ?? []);
  if (events.length === 0) return [];
  return database.transaction(async (tx) => {
    const known = await findEvents(
      tx,
      events.map(({ envelope }) => envelope.id),
    );
    const lost = events.filter(({ envelope }) => !known.has(envelope.id));
    if (lost.length === 0) return [];
    const newest = new Map<string, { version: bigint; source: bigint | null }>();
    for (const { record, envelope } of lost) {
      const { version, source } = newest.get(record.key) ?? { version: 0n, source: null };
      newest.set(record.key, {
        version: max(version, envelope.aggregateversion),
        source: envelope.sourceversion === undefined ? source : max(source ?? 0n, envelope.sourceversion),
      });
    }
    await tx.query(CATCH_UP, [
      [...newest.keys()],
      [...newest.values()].map(({ version }) => version),
      [...newest.values()].map(({ source }) => source),
    ]);
    const appended = await appendRows(
      tx,
      lost.map(({ record, envelope }) => ({
        eventId: envelope.id,
        aggregateType: parseRecordKey(record.key).entity,
        aggregateId: envelope.subject,
        type: envelope.type,
        topic: record.topic,
        key: record.key,
        headers: record.headers,
        payload: record.value,
      })),
    );
    return lost.filter((_, at) => !appended[at]!.duplicate);
  });
}

/**
 * Undefined for what is no event (it is a dead letter to whoever reads it), and for what was ordered again: an old replay must not run
 * once more, see read-unfinished.ts.
 */
function eventOf(record: StoredRecord): Lost | undefined {
  try {
    parseRecordKey(record.key);
    const envelope = headersToEnvelope(record.headers);
    return envelope.replayof === undefined ? { record, envelope } : undefined;
  } catch {
    return undefined;
  }
}

const max = (one: bigint, other: bigint): bigint => (one > other ? one : other);
