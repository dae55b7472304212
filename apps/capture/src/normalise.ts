import { CRM_ENTITIES, crmTopic, type CrmEntity, type Envelope, type Connection } from '#contracts';
import type { EncodedEvent } from '#outbox';
import { isJsonObject, JsonError, jsonObject, parseExactJson, type AvroSchema, type Json } from '#schema';
import type { WaitingRow } from './statements/read-waiting.ts';

/** What an entity of a connection needs to become canonical. */
export interface Canonical {
  schema: AvroSchema;
  /** id of the schema, in front of the value */
  schemaId: number;
  /** the connection's own shape to ours; absent where it sends ours already */
  map?: (record: Json) => Mapped;
}

export type Mapped = { ok: true; record: Json } | { ok: false; message: string };

export type Normalised =
  | { ok: true; event: EncodedEvent }
  /** stays visible with this reason; never a payload in it */
  | { ok: false; code: `CROSSDOCK_CAPTURE_${string}`; reason: string };

const SCHEMA = 'CROSSDOCK_CAPTURE_SCHEMA';

export function isCrmEntity(entity: string): entity is CrmEntity {
  return (CRM_ENTITIES as readonly string[]).includes(entity);
}

/** Captured row to event. Pure: the same row gives the same bytes, today and when it is repaired. */
export function normalise(
  row: WaitingRow,
  tenant: string,
  connection: Connection,
  canonical: Canonical | undefined,
): Normalised {
  if (!isCrmEntity(row.entity) || canonical === undefined)
    return refuse(
      SCHEMA,
      `unknown entity: the part of type before its last dot must be one of ${CRM_ENTITIES.join(', ')}`,
    );
  if (row.body === null) return refuse('CROSSDOCK_CAPTURE_PAYLOAD', 'the payload is not kept any more');
  const { idPrefix, zone } = connection;
  if (!row.record_id.startsWith(idPrefix))
    return refuse(SCHEMA, 'the idPrefix of the connection was changed after this event was taken in');

  const sent = parse(row.body);
  const mapped = canonical.map === undefined ? { ok: true as const, record: sent } : canonical.map(sent);
  if (!mapped.ok) return refuse(SCHEMA, mapped.message);
  if (!isJsonObject(mapped.record)) return refuse(SCHEMA, 'the record must be an object');
  // The id that gave the event its key and its version is the record's id, wherever the sender keeps it.
  const record = jsonObject([...Object.entries(mapped.record), ['id', row.record_id.slice(idPrefix.length)]]);
  const read = canonical.schema.fromJson(record, { zone, idPrefix });
  if (!read.ok) return refuse(read.code, read.message);
  return {
    ok: true,
    event: {
      topic: crmTopic(row.entity),
      entity: row.entity,
      envelope: envelopeOf(row, tenant),
      payload: canonical.schema.encodeFramed(canonical.schemaId, read.record),
    },
  };
}

function envelopeOf(row: WaitingRow, tenant: string): Envelope {
  return {
    id: row.event_id,
    source: row.connection,
    type: row.type.startsWith('crm.') ? row.type : `crm.${row.type}`,
    subject: row.record_id,
    time: (row.occurred_at ?? row.captured_at).toISOString(),
    dataschema: `canonical/${row.entity}`,
    tenant,
    partitionkey: row.key,
    aggregateversion: row.aggregate_version,
    sourceversion: row.source_version ?? undefined,
    correlationid: row.event_id,
    hopcount: row.hop_count,
    traceparent: row.traceparent ?? undefined,
    acceptedat: row.captured_at.toISOString(),
  };
}

/** It was parsed when it came in, so a failure now is a fault of ours: thrown, and the row is set aside as such. */
function parse(body: string): Json {
  try {
    return parseExactJson(body);
  } catch (error) {
    if (error instanceof JsonError)
      throw new Error(`a kept payload cannot be read: ${error.message}`, { cause: error });
    throw error;
  }
}

function refuse(code: `CROSSDOCK_CAPTURE_${string}`, reason: string): Normalised {
  return { ok: false, code, reason };
}
