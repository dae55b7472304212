import { RecordRefused } from '#contracts';
import type { LogRecord } from '#contracts';

/** Room for the headers that a dead letter gets on top of its original ones, whose record may already be full. */
const DEAD_LETTER_HEADROOM = 64 * 1024;

/** A Kafka record batch of one record: 61 bytes of batch, at most 21 of record, at most 10 of lengths per header. */
const BATCH_OVERHEAD = 61;
const RECORD_OVERHEAD = 21;
const HEADER_OVERHEAD = 10;

/** Upper bound of what the record takes in a Kafka batch, bytes; the same count decides on PostgreSQL. */
export function recordBytes(record: LogRecord): number {
  let bytes = RECORD_OVERHEAD + Buffer.byteLength(record.key) + (record.value?.length ?? 0);
  for (const name of Object.keys(record.headers))
    bytes += HEADER_OVERHEAD + Buffer.byteLength(name) + Buffer.byteLength(record.headers[name]!);
  return bytes;
}

/** Upper bound of one Kafka batch of these records, bytes. */
export function batchBytes(records: readonly LogRecord[]): number {
  return records.reduce((bytes, record) => bytes + recordBytes(record), BATCH_OVERHEAD);
}

/** What a topic takes in one batch, bytes: as declared, and more for dead letters. */
export function batchLimit(topic: string, maxMessageBytes: number): number {
  return topic.endsWith('.dead-letter') ? maxMessageBytes + DEAD_LETTER_HEADROOM : maxMessageBytes;
}

/**
 * Throws `RecordRefused` for a record that the log would never take, before anything is sent: too large, or text that
 * PostgreSQL cannot hold (NUL, lone surrogates). Both adapters refuse the same, so that moving from one to the other
 * changes nothing. Returns `recordBytes`: every record passes here, and its text is looked at once.
 */
export function refuseUnfit(record: LogRecord, limit: number): number {
  const { key, value, headers } = record;
  const keyBytes = textBytes(key);
  let bytes = RECORD_OVERHEAD + keyBytes + (value?.length ?? 0);
  let fit = keyBytes !== UNFIT;
  for (const name of Object.keys(headers)) {
    const nameBytes = textBytes(name);
    const textLength = textBytes(headers[name]!);
    fit &&= nameBytes !== UNFIT && textLength !== UNFIT;
    bytes += HEADER_OVERHEAD + nameBytes + textLength;
  }
  if (fit && BATCH_OVERHEAD + bytes <= limit) return bytes;
  const exact = BATCH_OVERHEAD + (fit ? bytes : recordBytes(record));
  if (exact > limit)
    throw new RecordRefused(record, `a record of ${exact} bytes is more than ${record.topic} takes (${limit})`);
  const where = keyBytes === UNFIT ? 'key' : 'header';
  throw new RecordRefused(record, `a ${where} for ${record.topic} holds NUL or a lone surrogate`);
}

const UNFIT = -1;
/** Longer text is looked at faster by native code. */
const SHORT = 128;

/** Length in UTF-8, or `UNFIT` for what PostgreSQL cannot hold. */
function textBytes(text: string): number {
  const { length } = text;
  if (length > SHORT) return otherBytes(text);
  for (let at = 0; at < length; at++) {
    const code = text.charCodeAt(at);
    if (code === 0 || code > 127) return otherBytes(text);
  }
  return length;
}

function otherBytes(text: string): number {
  return text.includes('\0') || !text.isWellFormed() ? UNFIT : Buffer.byteLength(text);
}

/** Splits what is added, in order, so that each chunk fits into one Kafka batch of at most `limit` bytes. */
export class Chunks<T> {
  readonly chunks: T[][] = [];
  readonly #limit: number;
  #bytes = Infinity;

  constructor(limit: number) {
    this.#limit = limit;
  }

  add(item: T, bytes: number): void {
    if (this.#bytes + bytes > this.#limit) {
      this.chunks.push([]);
      this.#bytes = BATCH_OVERHEAD;
    }
    this.chunks.at(-1)!.push(item);
    this.#bytes += bytes;
  }
}
