import type { LogRecord } from '#contracts';
import type { Queryable } from '#db';

/**
 * Draws offsets and inserts in one statement, so one transaction. The partition rows are locked in ascending order (no
 * two appends can wait for each other) and stay locked until commit: whoever gets the next offset commits later, and an
 * append that fails gives its offsets back. So offset order is commit order, without holes.
 *
 * `order by at`: records of one partition keep the order of the call. An unknown topic gives a null offset, which the
 * table refuses: nothing of the batch is written then.
 */
const APPEND = {
  name: 'log-append',
  text: `
    with batch as (
      select * from unnest($1::text[], $2::int[], $3::text[], $4::bytea[], $5::text[])
        with ordinality as b(topic, partition, key, value, headers, at)
    ), want as (
      select topic, partition, count(*) as n from batch group by topic, partition
    ), locked as (
      select p.topic, p.partition from log_partition p join want using (topic, partition)
      order by p.topic, p.partition for update of p
    ), moved as (
      update log_partition p set next_offset = p.next_offset + w.n
      from locked l join want w using (topic, partition)
      where p.topic = l.topic and p.partition = l.partition
      returning p.topic, p.partition, p.next_offset - w.n as first
    )
    insert into log_record (topic, partition, "offset", key, value, headers)
    select b.topic, b.partition,
           m.first + row_number() over (partition by b.topic, b.partition order by b.at) - 1,
           b.key, b.value, b.headers::jsonb
    from batch b left join moved m using (topic, partition)`,
};

export interface PlacedRecord extends LogRecord {
  partition: number;
}

/** Called by the writer, one call at a time per process; `tx` may also be a transaction that goes on (tests). */
export async function appendRecords(tx: Queryable, records: readonly PlacedRecord[]): Promise<void> {
  await tx.query(APPEND, [
    records.map((record) => record.topic),
    records.map((record) => record.partition),
    records.map((record) => record.key),
    records.map((record) => record.value),
    records.map((record) => JSON.stringify(record.headers)),
  ]);
}
