import { CrossdockError, headersToEnvelope, parseRecordKey, RecordRefused, RESULT_ENTITY } from '#contracts';
import type { EventLog, LogBatch, LogRecord, StoredRecord } from '#contracts';
import { logger, type BatchOutcome, type HandlerOutcome, type Metrics } from '#platform';
import { isBadText, type ReadValue, type Unreadable } from '#schema';
import { mapEvent, notTaken, wants } from './map-event.ts';
import type { MapperEvent, MapperTable } from './map-event.ts';
import { NewerSchemas } from './newer-schemas.ts';

export interface MapperParts {
  eventLog: Pick<EventLog, 'append'>;
  /** there before the first batch: nothing is read while it is waited for */
  table: Promise<MapperTable>;
  /** topic of events -> its entity and how its values are read */
  topics: ReadonlyMap<string, { entity: string; read(value: Buffer): Promise<ReadValue> }>;
  metrics: Metrics;
  /** which events wait for a newer version; default: five minutes of an hour, told in the log */
  newer?: NewerSchemas;
}

const log = logger('mapper');

/**
 * Key and envelope together, bytes. A marker says most of them twice and must fit where the event did. Of ours they take some 2 KiB:
 * capture and the outbox library bound the ids.
 */
const MOST_ENVELOPE_BYTES = 64 * 1024;
/** ms: before and after these a date has no four digits of year; Kafka's -1 is no time, and passes for 1969 */
const YEAR_1 = Date.parse('0001-01-01T00:00:00Z');
const YEAR_10000 = Date.UTC(10_000, 0);
const TOO_LARGE = 'TOO_LARGE: the document is larger than its topic takes';
const BAD_TEXT = 'MAPPING: a text that it gave holds NUL or a lone surrogate';

type Read = { ok: true; event: MapperEvent } | { ok: true; unwanted: true } | Unreadable;

/**
 * A batch of events becomes records on document topics, appended before the offsets are committed: after a crash in
 * between, the same events give the same records again, with the same ids, and delivery knows them.
 */
export class MapperService {
  readonly #parts: MapperParts;
  readonly #newer: NewerSchemas;

  constructor(parts: MapperParts) {
    this.#parts = parts;
    this.#newer = parts.newer ?? new NewerSchemas({ onWait: tellToWait });
  }

  /**
   * One call at a time per partition. Throws, to get the batch again, while the log or the registry cannot be reached, and while
   * an event waits for a newer version of the mapper (`NewerSchemas`).
   */
  async handle(batch: LogBatch): Promise<BatchOutcome> {
    // crashpoint mapper.after-poll
    const table = await this.#parts.table;
    const outcomes: HandlerOutcome[] = [];
    const made: Made[] = [];
    const faults: Fault[] = [];
    for (const [at, stored] of batch.records.entries()) {
      const mapped = await this.#map(stored, table, faults);
      if (typeof mapped !== 'string') made.push(...mapped.map((record) => ({ at, record })));
      outcomes.push(typeof mapped === 'string' ? rejected(mapped) : { outcome: 'done' });
    }
    // crashpoint mapper.before-append
    const appended = await this.#append(made, outcomes);
    // crashpoint mapper.after-append
    for (const { err, stored } of faults) tellFault(err, stored);
    this.#count(appended);
    const dead = outcomes.filter(({ outcome }) => outcome === 'rejected').length;
    if (dead > 0) this.#parts.metrics.count('deadLetters', { stage: 'mapper' }, dead);
    return outcomes;
  }

  /**
   * The records of one event, or why it is a dead letter. Mapping asks nobody: what it throws is a fault of ours, which this event
   * would bring about each time.
   */
  async #map(stored: StoredRecord, table: MapperTable, faults: Fault[]): Promise<readonly LogRecord[] | string> {
    const read = await this.#read(stored, table);
    if (!read.ok) {
      if (read.newer !== undefined && this.#newer.waits(read.newer)) throw waiting(stored, read);
      return read.reason;
    }
    if (!('event' in read)) return [];
    try {
      return mapEvent(read.event, table);
    } catch (err) {
      faults.push({ err, stored });
      return `a fault of the mapper (${err instanceof Error ? err.name : typeof err}): its log says where`;
    }
  }

  async #read(stored: StoredRecord, { flows }: MapperTable): Promise<Read> {
    const topic = this.#parts.topics.get(stored.topic);
    if (!topic) return { ok: false, reason: `no event is read from ${stored.topic}` };
    if (stored.value === null) return { ok: false, reason: 'an event without a value' };
    const unfit = Object.entries(stored.headers).some(([name, text]) => name.startsWith('ce_') && isBadText(text));
    if (unfit || isBadText(stored.key))
      return { ok: false, reason: 'its key or a header holds NUL or a lone surrogate' };
    const bytes = envelopeBytes(stored);
    if (bytes > MOST_ENVELOPE_BYTES)
      return { ok: false, reason: `its key and envelope take ${bytes} bytes, more than ${MOST_ENVELOPE_BYTES}` };
    const at = stored.timestamp.getTime();
    if (!(at >= YEAR_1 && at < YEAR_10000))
      return { ok: false, reason: 'the time of its record is no date: Kafka takes milliseconds' };
    const { entity } = topic;
    let envelope;
    try {
      envelope = headersToEnvelope(stored.headers);
      if (entity === RESULT_ENTITY) parseRecordKey(envelope.partitionkey);
    } catch (error) {
      return { ok: false, reason: error instanceof Error ? error.message : 'the headers are no envelope' };
    }
    if (entity === RESULT_ENTITY && !flows.some((flow) => wants(flow, entity, envelope)))
      return { ok: true, unwanted: true };
    const value = await topic.read(stored.value);
    if (!value.ok) return value;
    return { ok: true, event: { entity, envelope, record: value.record, stored } };
  }

  /**
   * What the log does not take is replaced by a marker that says why; nothing had been sent. Where it does not take that either,
   * the event becomes a dead letter.
   */
  async #append(made: readonly Made[], outcomes: HandlerOutcome[]): Promise<readonly LogRecord[]> {
    for (let list = made; ;) {
      const records = list.map(({ record }) => record);
      if (records.length === 0) return records;
      try {
        await this.#parts.eventLog.append(records);
        return records;
      } catch (error) {
        const refused = error instanceof RecordRefused && list.find(({ record }) => record === error.record);
        if (!refused) throw error;
        const { at, record, marker } = refused;
        if (marker) {
          outcomes[at] = rejected('the log takes neither its document nor a marker that says so: too large');
          list = list.filter((one) => one.at !== at);
        } else {
          const why = Object.values(record.headers).some(isBadText) ? BAD_TEXT : TOO_LARGE;
          list = list.map((one) => (one === refused ? { at, record: notTaken(record, why), marker: true } : one));
        }
      }
    }
  }

  #count(records: readonly LogRecord[]): void {
    for (const { headers } of records) {
      const flow = headers['cd_flow'];
      if (flow === undefined) this.#parts.metrics.count('unrouted', {});
      else this.#parts.metrics.count('mapped', { flow, kind: headers['cd_kind']! });
    }
  }
}

/** A record for the log, and the place in the batch of the event that it was made of. */
interface Made {
  at: number;
  record: LogRecord;
  /** in place of what the log did not take */
  marker?: true;
}

interface Fault {
  err: unknown;
  stored: StoredRecord;
}

/** Once: not each time that its batch is tried again. */
function tellFault(err: unknown, { topic, partition, offset }: StoredRecord): void {
  log.error({ err, topic, partition, offset: String(offset) }, 'a fault of the mapper: the event is a dead letter');
}

const rejected = (reason: string): HandlerOutcome => ({ outcome: 'rejected', reason, stage: 'mapper' });

function envelopeBytes({ key, headers }: StoredRecord): number {
  let bytes = Buffer.byteLength(key);
  for (const [name, text] of Object.entries(headers))
    if (name.startsWith('ce_')) bytes += Buffer.byteLength(name) + Buffer.byteLength(text);
  return bytes;
}

function waiting({ topic, offset }: StoredRecord, { reason }: Unreadable): CrossdockError {
  const message = `the event at offset ${offset} of ${topic} waits for a newer version of the mapper: ${reason}`;
  return new CrossdockError('CROSSDOCK_MAPPER_NEWER_SCHEMA', message, { retryable: true });
}

function tellToWait(id: number): void {
  log.warn(
    { schema: id },
    'events are written under a schema that this version does not know: they wait five minutes for a newer mapper, then they are ' +
      'dead letters. Roll the mapper out before capture and services with the outbox library, and back after them',
  );
}
