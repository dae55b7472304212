import type { PartitionLag } from '#contracts';
import type { Database } from '#db';

/** `order by`: as people read it. A group that never committed lags behind from what retention has left. */
const LAG = `
  select p.topic, p.partition, p.next_offset as "end", o.committed,
         p.next_offset - coalesce(o.committed, p.low_watermark) as lag
  from log_partition p
  left join log_offset o on o.group_name = $1 and o.topic = p.topic and o.partition = p.partition
  where p.topic = any($2::text[])
  order by p.topic, p.partition`;

export function readLag(database: Database, group: string, topics: readonly string[]): Promise<PartitionLag[]> {
  return database.query<PartitionLag>(LAG, [group, topics]);
}
