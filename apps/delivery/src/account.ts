import { storable, storableHeaders, type StoredRecord } from '#contracts';
import type { Database } from '#db';
import { DEAD_LETTER_HEADERS } from '#event-log';

const UNROUTED = `
insert into unrouted (event_id, source, entity, key)
select x.event_id, x.source, x.entity, x.key from json_to_recordset($1::json) as x(event_id uuid, source text, entity text, key text)
on conflict do nothing`;

const DEAD_LETTERS = `
insert into dead_letter (topic, "partition", "offset", event_id, key, stage, reason, headers, value)
select x.topic, x.part, x.off, x.event_id, x.key, x.stage, x.reason, x.headers, decode(x.value, 'base64')
  from json_to_recordset($1::json) as x(topic text, part integer, off bigint, event_id uuid, key text, stage text, reason text,
                                        headers jsonb, value text)
on conflict do nothing`;

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

const uuidOf = (record: StoredRecord): string | null => {
  const id = record.headers['cd_eventId'] ?? record.headers['ce_id'];
  return id !== undefined && UUID.test(id) ? id : null;
};

/**
 * Stores events that no flow wants, so that every event is accounted for in one place. Answers with the places of those
 * that carry no event id.
 */
export async function storeUnrouted(database: Database, records: readonly StoredRecord[]): Promise<number[]> {
  const rows = [];
  const refused: number[] = [];
  for (const [at, record] of records.entries()) {
    const id = uuidOf(record);
    if (id === null) refused.push(at);
    else
      rows.push({
        event_id: id,
        source: storable(record.headers['cd_source'] ?? record.headers['ce_source'] ?? ''),
        entity: storable(record.headers['cd_entity'] ?? ''),
        key: storable(record.key),
      });
  }
  if (rows.length > 0) await database.query(UNROUTED, [JSON.stringify(rows)]);
  return refused;
}

/**
 * Stores dead letters of any topic, whatever is in them: original bytes, headers, where they stood, who refused them and why. One that comes
 * again is passed over; of two that stood at one place, before and after their topic was made anew, each is kept.
 */
export async function storeDeadLetters(database: Database, records: readonly StoredRecord[]): Promise<void> {
  const rows = records.map((record) => {
    const { headers } = record;
    const before = placeBefore(headers);
    return {
      topic: storable(before?.topic ?? record.topic),
      part: before?.partition ?? record.partition,
      off: before?.offset ?? String(record.offset),
      event_id: uuidOf(record),
      key: record.key === null ? null : storable(record.key),
      stage: storable(headers[DEAD_LETTER_HEADERS.stage] ?? 'unknown'),
      reason: storable(headers[DEAD_LETTER_HEADERS.reason] ?? 'unknown'),
      headers: storableHeaders(headers),
      value: record.value === null ? null : record.value.toString('base64'),
    };
  });
  await database.query(DEAD_LETTERS, [JSON.stringify(rows)]);
}

/** Where it stood before it was refused; undefined where the headers do not say it, or say what cannot be. */
function placeBefore(
  headers: StoredRecord['headers'],
): { topic: string; partition: number; offset: string } | undefined {
  const [topic, partition, offset] = (['topic', 'partition', 'offset'] as const).map(
    (name) => headers[DEAD_LETTER_HEADERS[name]] ?? '',
  ) as [string, string, string];
  const fit = /^[\w.-]{1,249}$/.test(topic) && /^\d{1,9}$/.test(partition) && /^\d{1,18}$/.test(offset);
  return fit ? { topic, partition: Number(partition), offset } : undefined;
}
