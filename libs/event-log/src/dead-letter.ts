import { deadLetterTopic } from '#contracts';
import type { DeadLetter, LogRecord } from '#contracts';

/** Headers a dead letter carries besides the original ones. */
export const DEAD_LETTER_HEADERS = {
  reason: 'dl_reason',
  stage: 'dl_stage',
  topic: 'dl_topic',
  partition: 'dl_partition',
  offset: 'dl_offset',
} as const;

const MAX_REASON = 1000;

/** The record for `<topic>.dead-letter`: original key, bytes and headers, and where it stood, who refused it and why. */
export function deadLetterRecord({ record, reason, stage }: DeadLetter): LogRecord {
  return {
    topic: deadLetterTopic(record.topic),
    key: record.key,
    value: record.value,
    headers: {
      ...record.headers,
      [DEAD_LETTER_HEADERS.reason]: oneLine(reason),
      [DEAD_LETTER_HEADERS.stage]: stage,
      [DEAD_LETTER_HEADERS.topic]: record.topic,
      [DEAD_LETTER_HEADERS.partition]: String(record.partition),
      [DEAD_LETTER_HEADERS.offset]: String(record.offset),
    },
  };
}

function oneLine(reason: string): string {
  return reason
    .replaceAll(/[\0\r\n]+/g, ' ')
    .slice(0, MAX_REASON)
    .toWellFormed();
}
