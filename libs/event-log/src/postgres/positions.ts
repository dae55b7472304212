import type { GroupPosition } from '#contracts';
import type { Database } from '#db';

/** `order by`: as people read it. */
const POSITIONS = `
  with member as materialized (
    select topics from log_group_member where group_name = $1 and until > clock_timestamp()
  )
  select o.topic, o.partition, t.partitions, o.committed, p.low_watermark as start, p.next_offset as "end"
  from log_offset o
  join log_topic t using (topic)
  join log_partition p using (topic, partition)
  where o.group_name = $1
    and (exists (select 1 from member where o.topic = any(topics)) or not exists (select 1 from member))
  order by o.topic, o.partition`;

export function readPositions(database: Database, group: string): Promise<GroupPosition[]> {
  return database.query<GroupPosition>(POSITIONS, [group]);
}
