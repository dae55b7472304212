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
  for (const [name, value] of Object.entries(record.headers))
    bytes += HEADER_OVERHEAD + Buffer.byteLength(name) + Buffer.byteLength(value);
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
 * changes nothing.
 */
export function refuseUnfit(record: LogRecord, limit: number): void {
  const bytes = BATCH_OVERHEAD + recordBytes(record);
  if (bytes > limit)
    throw new RecordRefused(record, `a record of ${bytes} bytes is more than ${record.topic} takes (${limit})`);
  if (!fit(record.key)) throw new RecordRefused(record, `a key for ${record.topic} holds NUL or a lone surrogate`);
  for (const [name, value] of Object.entries(record.headers))
    if (!fit(name) || !fit(value))
      throw new RecordRefused(record, `a header for ${record.topic} holds NUL or a lone surrogate`);
}

function fit(text: string): boolean {
  return !text.includes('\0') && text.isWellFormed();
}

/** Splits records of one partition, in order, so that each chunk fits into one Kafka batch of at most `limit` bytes. */
export function chunksWithin<T extends LogRecord>(records: readonly T[], limit: number): T[][] {
  const chunks: T[][] = [];
  let bytes = Infinity;
  for (const record of records) {
    const size = recordBytes(record);
    if (bytes + size > limit) {
      chunks.push([]);
      bytes = BATCH_OVERHEAD;
    }
    chunks.at(-1)!.push(record);
    bytes += size;
  }
  return chunks;
}
