import type { IHeaders, KafkaMessage } from 'kafkajs';
import type { StoredRecord } from '#contracts';

export function storedRecord(topic: string, partition: number, message: KafkaMessage): StoredRecord {
  return {
    topic,
    partition,
    offset: BigInt(message.offset),
    key: message.key?.toString() ?? '',
    value: message.value,
    headers: textHeaders(message.headers ?? {}),
    timestamp: new Date(Number(message.timestamp)),
  };
}

/** Ours are single texts; of a repeated header, which only others write, the last one counts. */
function textHeaders(headers: IHeaders): Record<string, string> {
  const texts: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) {
    const last = Array.isArray(value) ? value.at(-1) : value;
    if (last !== undefined) texts[name] = last.toString();
  }
  return texts;
}
