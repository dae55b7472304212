import type { StoredRecord } from '#contracts';
import type { Database } from '#db';

/** One batch stays under this (a single larger record comes alone), so memory is bounded whatever was appended. */
const MAX_BYTES = 8 * 1024 * 1024;

/**
 * `order by "offset"`: the order of the log. The running sum is over the stored sizes; values are only read for the rows
 * that are given back.
 */
const FETCH = {
  name: 'log-fetch',
  text: `
    select "offset", key, value, headers, appended_at from (
      select *, sum(coalesce(octet_length(value), 0)) over (order by "offset") - coalesce(octet_length(value), 0) as before
      from (
        select "offset", key, value, headers, appended_at from log_record
        where topic = $1 and partition = $2 and "offset" >= $3
        order by "offset" limit $4
      ) head
    ) sized
    where before < $5
    order by "offset"`,
};

interface Row {
  offset: bigint;
  key: string;
  value: Buffer | null;
  headers: Record<string, string>;
  appended_at: Date;
}

export async function fetchRecords(
  database: Database,
  topic: string,
  partition: number,
  from: bigint,
  limit: number,
): Promise<StoredRecord[]> {
  const rows = await database.query<Row>(FETCH, [topic, partition, from, limit, MAX_BYTES]);
  return rows.map((row) => ({
    topic,
    partition,
    offset: row.offset,
    key: row.key,
    value: row.value,
    headers: row.headers,
    timestamp: row.appended_at,
  }));
}
