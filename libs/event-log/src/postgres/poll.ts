import type { Database } from '#db';

/** One look over everything a subscription reads: where is more than it has handled? */
const POLL = {
  name: 'log-poll',
  text: `
    select w.topic, w.partition
    from unnest($1::text[], $2::int[], $3::bigint[]) as w(topic, partition, position)
    join log_partition p using (topic, partition)
    where p.next_offset > w.position`,
};

const LOW_WATERMARK = `select low_watermark from log_partition where topic = $1 and partition = $2`;

export interface Position {
  topic: string;
  partition: number;
  position: bigint;
}

export function partitionsWithMore(
  database: Database,
  positions: readonly Position[],
): Promise<{ topic: string; partition: number }[]> {
  return database.query(POLL, [
    positions.map((at) => at.topic),
    positions.map((at) => at.partition),
    positions.map((at) => at.position),
  ]);
}

/** The first offset that retention has left. */
export async function lowWatermark(database: Database, topic: string, partition: number): Promise<bigint> {
  const [row] = await database.query<{ low_watermark: bigint }>(LOW_WATERMARK, [topic, partition]);
  return row?.low_watermark ?? 0n;
}
