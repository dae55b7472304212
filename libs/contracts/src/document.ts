import { instant, wholeNumber } from './header-values.ts';

/**
 * A record on a document topic: what the mapper made of one event for one flow. Its value is the document's JSON in
 * Confluent's JSON Schema frame, or null for a marker; everything delivery needs besides stands in these headers.
 */
export interface DocumentHeaders {
  /** `document` has a value; the others are markers with a null value */
  kind: 'document' | 'withdraw' | 'ignored' | 'rejected';
  flow: string;
  /** the target connection's name */
  connection: string;
  /** document type, e.g. `salesOrder` */
  document: string;
  /** uuid, see `documentId`; also the request key of the first revision */
  documentId: string;
  /** hash of the mapping bundle that made it */
  bundle: string;
  /** how many records this event gave, over all flows */
  fanOut: number;
  eventId: string;
  eventType: string;
  /** the source connection's name */
  source: string;
  tenant: string;
  entity: string;
  recordId: string;
  aggregateVersion: bigint;
  sourceVersion?: bigint;
  replayOf?: string;
  correlationId: string;
  hopCount: number;
  traceparent?: string;
  /** ISO 8601: where lag starts */
  acceptedAt: string;
  /** fields that delivery fills in before the first attempt */
  open: OpenField[];
  /** JSON pointers that are sent in a create and dropped otherwise */
  createOnly: string[];
  /** set: hold for a person, with this reason */
  review?: string;
  /** why a marker: `ignored`, `withdraw` (the `when` that does not hold) or `rejected` */
  reason?: string;
  /** what the event is worth, by the flow's `value`: a decimal and ISO 4217 */
  amount?: string;
  currency?: string;
  eventTopic: string;
  eventPartition: number;
  eventOffset: bigint;
  /** ISO 8601: when the log took the event */
  eventLogTime: string;
}

/**
 * One place of a document that only delivery can fill: the target's id of another record, or a value from a value map.
 * `pointer` is an RFC 6901 JSON pointer into the document; its parent exists, the field itself is absent. `as: 'number'`:
 * the target takes a JSON number there; else the value is filled in as text.
 */
export type OpenField =
  | { pointer: string; as?: 'number'; reference: { document: string; key: string } }
  | { pointer: string; as?: 'number'; values: { set: string; from: string } };

const PREFIX = 'cd_';

/** Every value is a string; lists are JSON; absent fields give no header. */
export function documentToHeaders(document: DocumentHeaders): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(document)) {
    if (value === undefined) continue;
    headers[PREFIX + name] = typeof value === 'object' ? JSON.stringify(value) : String(value);
  }
  return headers;
}

/** Reads them back; throws with the header's name when one is missing or malformed (the record is then a dead letter). */
export function headersToDocument(headers: Readonly<Record<string, string>>): DocumentHeaders {
  const text = (name: keyof DocumentHeaders): string | undefined => headers[PREFIX + name] || undefined;
  const need = (name: keyof DocumentHeaders): string => {
    const value = text(name);
    if (value === undefined) throw new Error(`header ${PREFIX}${name} is missing`);
    return value;
  };
  const long = (name: keyof DocumentHeaders): bigint => wholeNumber(PREFIX + name, need(name));
  const time = (name: keyof DocumentHeaders): string => instant(PREFIX + name, need(name));
  const list = <T>(name: keyof DocumentHeaders): T[] => {
    const value: unknown = JSON.parse(text(name) ?? '[]');
    if (!Array.isArray(value)) throw new Error(`header ${PREFIX}${name} is not a list`);
    return value as T[];
  };
  const kind = need('kind');
  if (kind !== 'document' && kind !== 'withdraw' && kind !== 'ignored' && kind !== 'rejected')
    throw new Error(`header ${PREFIX}kind is none of document, withdraw, ignored, rejected`);
  return {
    kind,
    flow: need('flow'),
    connection: need('connection'),
    document: need('document'),
    documentId: need('documentId'),
    bundle: need('bundle'),
    fanOut: Number(long('fanOut')),
    eventId: need('eventId'),
    eventType: need('eventType'),
    source: need('source'),
    tenant: need('tenant'),
    entity: need('entity'),
    recordId: need('recordId'),
    aggregateVersion: long('aggregateVersion'),
    sourceVersion: text('sourceVersion') === undefined ? undefined : long('sourceVersion'),
    replayOf: text('replayOf'),
    correlationId: need('correlationId'),
    hopCount: text('hopCount') === undefined ? 0 : Number(long('hopCount')),
    traceparent: text('traceparent'),
    acceptedAt: time('acceptedAt'),
    open: list<OpenField>('open'),
    createOnly: list<string>('createOnly'),
    review: text('review'),
    reason: text('reason'),
    amount: text('amount'),
    currency: text('currency'),
    eventTopic: need('eventTopic'),
    eventPartition: Number(long('eventPartition')),
    eventOffset: long('eventOffset'),
    eventLogTime: time('eventLogTime'),
  };
}
