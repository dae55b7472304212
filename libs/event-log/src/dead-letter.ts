import { deadLetterTopic, storable, storableHeaders } from '#contracts';
import type { DeadLetter, LogRecord } from '#contracts';

/** Headers a dead letter carries besides the original ones. */
export const DEAD_LETTER_HEADERS = {
  reason: 'dl_reason',
  stage: 'dl_stage',
  topic: 'dl_topic',
  partition: 'dl_partition',
  offset: 'dl_offset',
  /** base64 of JSON `{ key, headers }`: what stood there, where the log does not take it */
  original: 'dl_original',
  /** how large the value was, bytes, where the log does not take it: it stands at topic, partition and offset alone */
  valueBytes: 'dl_value_bytes',
} as const;

const MAX_REASON = 1000;
const MAX_KEY = 1000;
/** Of `dl_original`, characters: what is longer is not kept, its topic has it as long as it keeps anything. */
const MAX_ORIGINAL = 16 * 1024;

/**
 * The record for `<topic>.dead-letter`: original key, bytes and headers, and where it stood, who refused it and why. Others write
 * keys and headers that our log refuses (NUL, lone surrogates): they are made readable, or this record would never get here.
 */
export function deadLetterRecord({ record, reason, stage }: DeadLetter): LogRecord {
  return {
    topic: deadLetterTopic(record.topic),
    key: storable(record.key),
    value: record.value,
    headers: {
      ...storableHeaders(record.headers),
      ...originalOf(record),
      [DEAD_LETTER_HEADERS.reason]: oneLine(reason),
      [DEAD_LETTER_HEADERS.stage]: stage,
      [DEAD_LETTER_HEADERS.topic]: record.topic,
      [DEAD_LETTER_HEADERS.partition]: String(record.partition),
      [DEAD_LETTER_HEADERS.offset]: String(record.offset),
    },
  };
}

/** The same without the original headers, and with no more of the key than tells which it was. */
export function bareDeadLetter({ headers, key, ...record }: LogRecord): LogRecord {
  const own = Object.values(DEAD_LETTER_HEADERS).flatMap((name) =>
    headers[name] === undefined || name === DEAD_LETTER_HEADERS.original ? [] : [[name, headers[name]] as const],
  );
  return { ...record, key: key.slice(0, MAX_KEY).toWellFormed(), headers: Object.fromEntries(own) };
}

/** The same bare one without its value, which says how large that was; people read the reason. */
export function emptyDeadLetter(letter: LogRecord): LogRecord {
  const { headers, ...bare } = bareDeadLetter(letter);
  const { reason, topic, valueBytes } = DEAD_LETTER_HEADERS;
  const bytes = String(letter.value?.length ?? 0);
  const kept = `; its value of ${bytes} bytes is not kept here, ${headers[topic]} has it for its time`;
  return {
    ...bare,
    value: null,
    headers: {
      ...headers,
      [reason]: headers[reason]!.slice(0, MAX_REASON - kept.length).toWellFormed() + kept,
      [valueBytes]: bytes,
    },
  };
}

function originalOf({ key, headers }: LogRecord): Record<string, string> {
  const unfit = Object.entries(headers).filter(([name, text]) => storable(name) !== name || storable(text) !== text);
  if (storable(key) === key && unfit.length === 0) return {};
  const text = Buffer.from(JSON.stringify({ key, headers: Object.fromEntries(unfit) })).toString('base64');
  return text.length > MAX_ORIGINAL ? {} : { [DEAD_LETTER_HEADERS.original]: text };
}

function oneLine(reason: string): string {
  return reason
    .replaceAll(/[\0\r\n]+/g, ' ')
    .slice(0, MAX_REASON)
    .toWellFormed();
}
