import {
  documentId,
  documentToHeaders,
  documentTopic,
  parseRecordKey,
  RESULT_ENTITY,
  storableHeaders,
  UNROUTED_TOPIC,
} from '#contracts';
import type { DocumentHeaders, Envelope, Flow, LogRecord, StoredRecord } from '#contracts';
import { frame, writeExactJson } from '#schema';
import type { AvroRecord } from '#schema';
import type { Bundle, Mapped } from '#mapping';
import { valueOf } from './value-of.ts';

/** One flow as the mapper sees it, made once at start. */
export interface MapperFlow {
  name: string;
  entity: string;
  /** source connections */
  from: ReadonlySet<string>;
  /** on results: the flows whose results it takes */
  of: ReadonlySet<string> | undefined;
  connection: string;
  /** document type, e.g. `salesOrder` */
  document: string;
  topic: string;
  /** id in front of the document's JSON */
  schemaId: number;
  /** paths in the canonical record: what an event is worth */
  value: Flow['value'];
}

/** All that mapping an event needs. Immutable. */
export interface MapperTable {
  bundle: Bundle;
  flows: readonly MapperFlow[];
  /** zone of a source connection, for dates */
  zone(connection: string): string;
}

/** One event as it was read from its topic. */
export interface MapperEvent {
  /** `sync-result` for a result */
  entity: string;
  envelope: Envelope;
  record: AvroRecord;
  /** where it stood */
  stored: Pick<StoredRecord, 'topic' | 'partition' | 'offset' | 'timestamp' | 'headers' | 'key'>;
}

/** The flows of a configuration with what their mapping says of the document. `schemaId` is the registry's, asked before. */
export function mapperFlows(flows: Iterable<Flow>, bundle: Bundle, schemaId: (schema: string) => number): MapperFlow[] {
  return [...flows].map(({ name, entity, from, of, to, value }) => {
    const { document, schema } = bundle.flows.get(name)!; // loadMappings has bound every flow, or thrown
    const topic = documentTopic(schema, to, document);
    return {
      name,
      entity,
      from: new Set(from),
      of: of && new Set(of),
      connection: to,
      document,
      topic,
      schemaId: schemaId(schema),
      value,
    };
  });
}

/**
 * What one event becomes: exactly one record for each flow that wants it (a document, or a marker without a value that says
 * why there is none), or one on the topic of unrouted events. A result that nobody wants gives nothing: it is what we say, not
 * what we were told. Pure: no clock, no I/O, and the same event gives the same bytes.
 */
export function mapEvent(event: MapperEvent, { bundle, flows, zone }: MapperTable): LogRecord[] {
  const { envelope, entity } = event;
  const wanting = flows.filter((flow) => wants(flow, entity, envelope));
  if (wanting.length === 0) return entity === RESULT_ENTITY ? [] : [unrouted(event)];
  const sourceZone = zone(envelope.source);
  return wanting.map((flow) => {
    const mapped = mapSafely(bundle, flow.name, event, sourceZone);
    const headers = documentToHeaders(headersOf(event, flow, mapped, bundle.hash, wanting.length));
    const value = mapped.kind === 'document' ? frame(flow.schemaId, Buffer.from(writeExactJson(mapped.body))) : null;
    return { topic: flow.topic, key: event.stored.key, value, headers };
  });
}

/** By the headers alone, so that a result nobody wants need not be decoded. */
export function wants({ entity: own, from, of }: MapperFlow, entity: string, { source, flow }: Envelope): boolean {
  return own === entity && from.has(source) && (of === undefined || (flow !== undefined && of.has(flow)));
}

/** A fault in a closure refuses this event for this flow, visibly and in its order; it stops nothing else. */
function mapSafely(bundle: Bundle, flow: string, { record, envelope }: MapperEvent, zone: string): Mapped {
  try {
    return bundle.map(flow, record, envelope, zone);
  } catch (error) {
    return { kind: 'rejected', reason: `MAPPING: ${error instanceof Error ? error.message : 'an unknown fault'}` };
  }
}

function headersOf(
  event: MapperEvent,
  flow: MapperFlow,
  mapped: Mapped,
  bundle: string,
  fanOut: number,
): DocumentHeaders {
  const { envelope, entity, stored, record } = event;
  const document = mapped.kind === 'document' ? mapped : undefined;
  return {
    kind: mapped.kind,
    flow: flow.name,
    connection: flow.connection,
    document: flow.document,
    documentId: documentId(envelope.replayof ?? envelope.id, flow.name, flow.document),
    bundle,
    fanOut,
    eventId: envelope.id,
    eventType: envelope.type,
    source: envelope.source,
    tenant: envelope.tenant,
    // what is written back is about the record that the result is about, under that record's key
    entity: entity === RESULT_ENTITY ? parseRecordKey(envelope.partitionkey).entity : entity,
    recordId: envelope.subject,
    aggregateVersion: envelope.aggregateversion,
    sourceVersion: envelope.sourceversion,
    replayOf: envelope.replayof,
    correlationId: envelope.correlationid,
    hopCount: envelope.hopcount,
    traceparent: envelope.traceparent,
    acceptedAt: envelope.acceptedat ?? envelope.time,
    open: document?.open ?? [],
    createOnly: document?.createOnly ?? [],
    review: document?.review,
    reason: mapped.kind === 'document' ? undefined : mapped.reason,
    ...valueOf(record, flow.value),
    eventTopic: stored.topic,
    eventPartition: stored.partition,
    eventOffset: stored.offset,
    eventLogTime: stored.timestamp.toISOString(),
  };
}

/** Nobody wants it: told all the same, so that every event is accounted for. Carries the event's own headers. */
function unrouted({ envelope, entity, stored }: MapperEvent): LogRecord {
  const own = Object.entries(stored.headers).filter(([name]) => name.startsWith('ce_'));
  const headers: Record<string, string> = {
    ...Object.fromEntries(own),
    cd_kind: 'unrouted',
    cd_eventId: envelope.id,
    cd_eventType: envelope.type,
    cd_source: envelope.source,
    cd_tenant: envelope.tenant,
    cd_entity: entity,
    cd_recordId: envelope.subject,
    cd_aggregateVersion: String(envelope.aggregateversion),
    cd_acceptedAt: envelope.acceptedat ?? envelope.time,
    cd_fanOut: '0',
    cd_eventTopic: stored.topic,
    cd_eventPartition: String(stored.partition),
    cd_eventOffset: String(stored.offset),
    cd_eventLogTime: stored.timestamp.toISOString(),
  };
  return { topic: UNROUTED_TOPIC, key: stored.key, value: null, headers };
}

/** The record in place of one that the log does not take: too large, or a text of the mapping's that no database keeps. */
export function notTaken(record: LogRecord, why: string): LogRecord {
  const { cd_review: _review, ...headers } = storableHeaders(record.headers);
  return {
    ...record,
    value: null,
    headers: {
      ...headers,
      cd_kind: 'rejected',
      cd_reason: why,
      cd_open: '[]',
      cd_createOnly: '[]',
    },
  };
}
