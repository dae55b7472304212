import { envelopeToHeaders, type Envelope } from '#contracts';
import type { Queryable } from '#db';
import { appendRows, type Appended, type OutboxRow } from './append-rows.ts';

/** An event whose version is drawn and whose payload is encoded: what capture's normaliser and delivery's results hand over. */
export interface EncodedEvent {
  topic: string;
  /** the canonical entity (or `sync-result`) */
  entity: string;
  envelope: Envelope;
  /** Confluent's frame and Avro */
  payload: Buffer | null;
}

/**
 * Appends events in the order given, see `appendRows`. Event ids must be lower-case uuids as `eventId` of #contracts
 * makes them.
 */
export async function appendEvents(tx: Queryable, events: readonly EncodedEvent[]): Promise<Appended[]> {
  return appendRows(tx, events.map(rowOf));
}

/** One event, see `appendEvents`. */
export async function appendEvent(tx: Queryable, event: EncodedEvent): Promise<Appended> {
  const [appended] = await appendEvents(tx, [event]);
  return appended!;
}

function rowOf({ topic, entity, envelope, payload }: EncodedEvent): OutboxRow {
  return {
    eventId: envelope.id,
    aggregateType: entity,
    aggregateId: envelope.subject,
    type: envelope.type,
    topic,
    key: envelope.partitionkey,
    headers: envelopeToHeaders(envelope),
    payload,
  };
}
