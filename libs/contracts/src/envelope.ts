import { instant, wholeNumber } from './header-values.ts';

/**
 * The CloudEvents 1.0 attributes around an event (Kafka binary mode: each is a header `ce_<name>`). Longs are BigInt,
 * times ISO 8601 in UTC.
 */
export interface Envelope {
  /** derived, see `eventId` */
  id: string;
  /** the source connection's name; of a result, that of the record it is about */
  source: string;
  /** `crm.order.won`; a label: mappings decide on the record's state */
  type: string;
  /** the record id, `idPrefix` included */
  subject: string;
  /** when it happened, as the source says; else when we accepted it */
  time: string;
  /** name of the schema of the data, e.g. `canonical/order` */
  dataschema: string;
  tenant: string;
  /** the record key, see `recordKey` */
  partitionkey: string;
  /** drawn by us on arrival, per record, growing */
  aggregateversion: bigint;
  /** the source's own version of the record, or the last one known */
  sourceversion?: bigint;
  correlationid: string;
  causationid?: string;
  /** the original event's id, when this is a replay */
  replayof?: string;
  /** results only: the flow whose delivery ended */
  flow?: string;
  /** system that caused the change, when it was us */
  originsystem?: string;
  /** how often our own writes caused this; 0 unless set */
  hopcount: number;
  traceparent?: string;
  /** captured_at (webhook) or appended_at (library): where lag starts. The relay fills it in from the row where absent. */
  acceptedat?: string;
}

const AVRO = 'application/avro';

/** The headers of a log record or outbox row. The key and topic stand beside them. */
export function envelopeToHeaders(envelope: Envelope): Record<string, string> {
  const headers: Record<string, string> = { ce_specversion: '1.0', 'content-type': AVRO };
  for (const [name, value] of Object.entries(envelope)) if (value !== undefined) headers[`ce_${name}`] = String(value);
  return headers;
}

const REQUIRED = ['id', 'source', 'type', 'subject', 'time', 'tenant', 'partitionkey', 'aggregateversion'] as const;

/** Reads them back. Throws when a required attribute is missing or a number is not one: such a record is a dead letter. */
export function headersToEnvelope(headers: Readonly<Record<string, string>>): Envelope {
  for (const name of REQUIRED) if (!headers[`ce_${name}`]) throw new Error(`header ce_${name} is missing`);
  const text = (name: string): string | undefined => headers[`ce_${name}`] || undefined;
  const long = (name: string): bigint | undefined => {
    const value = text(name);
    return value === undefined ? undefined : wholeNumber(`ce_${name}`, value);
  };
  const time = (name: string): string | undefined => {
    const value = text(name);
    return value === undefined ? undefined : instant(`ce_${name}`, value);
  };
  return {
    id: text('id')!,
    source: text('source')!,
    type: text('type')!,
    subject: text('subject')!,
    time: time('time')!,
    dataschema: text('dataschema') ?? '',
    tenant: text('tenant')!,
    partitionkey: text('partitionkey')!,
    aggregateversion: long('aggregateversion')!,
    sourceversion: long('sourceversion'),
    correlationid: text('correlationid') ?? text('id')!,
    causationid: text('causationid'),
    replayof: text('replayof'),
    flow: text('flow'),
    originsystem: text('originsystem'),
    hopcount: Number(long('hopcount') ?? 0n),
    traceparent: text('traceparent'),
    acceptedat: time('acceptedat'),
  };
}

/** The entity of an event type: the part before the last dot, without a leading `crm.`. `crm.order.won` -> `order`. */
export function entityOfType(type: string): string {
  const dot = type.lastIndexOf('.');
  const subject = dot < 0 ? type : type.slice(0, dot);
  return subject.startsWith('crm.') ? subject.slice('crm.'.length) : subject;
}
