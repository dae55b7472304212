import { UPKEEP_TIMEOUT_MS, type Database } from '#db';

const STEP = 5_000;

const TOPICS = `
  select p.topic, p.partition, t.retention_ms from log_partition p join log_topic t using (topic)
  where p.low_watermark < p.next_offset order by p.topic, p.partition`;

/**
 * Deletes expired records from the low end of a partition, up to the first that is young enough, and moves the low
 * watermark in the same transaction: a reader whose offset lies below it knows that records passed it by.
 */
const EXPIRE = {
  name: 'log-expire',
  timeoutMs: UPKEEP_TIMEOUT_MS, // five thousand records may be gigabytes
  text: `
  with head as (
    select r."offset", r.appended_at from log_record r
    where r.topic = $1 and r.partition = $2
    order by r."offset" limit $4
  ), cut as (
    select coalesce(
      (select min("offset") from head where appended_at >= clock_timestamp() - $3::bigint * interval '1 ms'),
      (select max("offset") + 1 from head)) as low
  ), gone as (
    delete from log_record r using cut
    where r.topic = $1 and r.partition = $2 and r."offset" < cut.low
  )
  update log_partition p set low_watermark = cut.low from cut
  where p.topic = $1 and p.partition = $2 and cut.low > p.low_watermark
  returning p.low_watermark`,
};

/** Every ten minutes in every process that reads or declares; two at once do no harm. Resolves when all is done. */
export async function enforceRetention(database: Database): Promise<void> {
  const partitions = await database.query<{ topic: string; partition: number; retention_ms: bigint }>(TOPICS);
  for (const { topic, partition, retention_ms } of partitions)
    for (;;) {
      const moved = await database.query(EXPIRE, [topic, partition, retention_ms, STEP]);
      if (moved.length === 0) break;
    }
}
