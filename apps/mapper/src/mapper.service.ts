import { CrossdockError, headersToEnvelope, RecordRefused, RESULT_ENTITY } from '#contracts';
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
    const records: LogRecord[] = [];
    for (const stored of batch.records) {
      const read = await this.#read(stored, table);
      if (read.ok) {
        if ('event' in read) records.push(...mapEvent(read.event, table));
        outcomes.push({ outcome: 'done' });
      } else if (read.newer !== undefined && this.#newer.waits(read.newer)) throw waiting(stored, read);
      else outcomes.push({ outcome: 'rejected', reason: read.reason, stage: 'mapper' });
    }
    // crashpoint mapper.before-append
    const appended = await this.#append(records);
    // crashpoint mapper.after-append
    this.#count(appended);
    const dead = outcomes.filter(({ outcome }) => outcome === 'rejected').length;
    if (dead > 0) this.#parts.metrics.count('deadLetters', { stage: 'mapper' }, dead);
    return outcomes;
  }

  async #read(stored: StoredRecord, { flows }: MapperTable): Promise<Read> {
    const topic = this.#parts.topics.get(stored.topic);
    if (!topic) return { ok: false, reason: `no event is read from ${stored.topic}` };
    if (stored.value === null) return { ok: false, reason: 'an event without a value' };
    const unfit = Object.entries(stored.headers).some(([name, text]) => name.startsWith('ce_') && isBadText(text));
    if (unfit || isBadText(stored.key))
      return { ok: false, reason: 'its key or a header holds NUL or a lone surrogate' };
    let envelope;
    try {
      envelope = headersToEnvelope(stored.headers);
    } catch (error) {
      return { ok: false, reason: error instanceof Error ? error.message : 'the headers are no envelope' };
    }
    const { entity } = topic;
    if (entity === RESULT_ENTITY && !flows.some((flow) => wants(flow, entity, envelope)))
      return { ok: true, unwanted: true };
    const value = await topic.read(stored.value);
    if (!value.ok) return value;
    return { ok: true, event: { entity, envelope, record: value.record, stored } };
  }

  /** What the log does not take is replaced by a marker that says why; nothing had been sent. */
  async #append(records: readonly LogRecord[]): Promise<readonly LogRecord[]> {
    let list = records;
    const markers = new Set<LogRecord>();
    for (;;) {
      if (list.length === 0) return list;
      try {
        await this.#parts.eventLog.append(list);
        return list;
      } catch (error) {
        if (!(error instanceof RecordRefused) || markers.has(error.record) || !list.includes(error.record)) throw error;
        const unfit = Object.values(error.record.headers).some(isBadText);
        const marker = notTaken(error.record, unfit ? BAD_TEXT : TOO_LARGE);
        markers.add(marker);
        list = list.map((record) => (record === error.record ? marker : record));
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
