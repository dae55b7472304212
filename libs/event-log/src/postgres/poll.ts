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

const BOUNDS = `select low_watermark as low, next_offset as next from log_partition where topic = $1 and partition = $2`;

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

/** The first offset that retention has left, and the one that the next record gets. */
export async function bounds(
  database: Database,
  topic: string,
  partition: number,
): Promise<{ low: bigint; next: bigint }> {
  const [row] = await database.query<{ low: bigint; next: bigint }>(BOUNDS, [topic, partition]);
  return row ?? { low: 0n, next: 0n };
}
