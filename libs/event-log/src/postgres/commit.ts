import type { Database } from '#db';

/**
 * Moves the group's offsets forward where the lease still carries the caller's token; the lease rows are locked against a
 * takeover in the same moment. A partition that is not answered: it is somebody else's now, or the server was started anew and
 * nobody has compared the log with what was known of it; nothing of it has changed.
 *
 * `order by`: two members that commit at once lock in the same order.
 */
const COMMIT = {
  name: 'log-commit',
  text: `
    insert into log_offset as o (group_name, topic, partition, committed)
    select l.group_name, l.topic, l.partition, x.next
    from unnest($2::text[], $3::int[], $4::bigint[], $5::bigint[]) as x(topic, partition, token, next)
    join log_group_lease l
      on l.group_name = $1 and l.topic = x.topic and l.partition = x.partition and l.token = x.token
    where may_commit()
    order by l.topic, l.partition
    for share of l
    on conflict (group_name, topic, partition)
      do update set committed = excluded.committed where o.committed <= excluded.committed
    returning topic, partition`,
};

export interface Lease {
  topic: string;
  partition: number;
  token: bigint;
}

/** A lease, and the offset of the next record to handle under it. */
export interface Handled {
  lease: Lease;
  next: bigint;
}

/** Those whose offset is committed; of the others the token is stale. At most one entry a partition. */
export async function commitOffsets(
  database: Database,
  group: string,
  handled: readonly Handled[],
): Promise<ReadonlySet<Handled>> {
  const rows = await database.query<{ topic: string; partition: number }>(COMMIT, [
    group,
    handled.map(({ lease }) => lease.topic),
    handled.map(({ lease }) => lease.partition),
    handled.map(({ lease }) => lease.token),
    handled.map(({ next }) => next),
  ]);
  const moved = new Set(rows.map(placeOf));
  return new Set(handled.filter(({ lease }) => moved.has(placeOf(lease))));
}

export const placeOf = (place: { topic: string; partition: number }): string => `${place.topic}/${place.partition}`;
