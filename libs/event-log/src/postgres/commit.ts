import type { Database } from '#db';

/**
 * Moves the group's offset forward where the lease still carries the caller's token; the lease row is locked against a
 * takeover in the same moment. No row: the partition is somebody else's now, or the server was started anew and nobody has
 * compared the log with what was known of it; nothing has changed.
 */
const COMMIT = {
  name: 'log-commit',
  text: `
    insert into log_offset as o (group_name, topic, partition, committed)
    select l.group_name, l.topic, l.partition, $5::bigint
    from log_group_lease l
    where l.group_name = $1 and l.topic = $2 and l.partition = $3 and l.token = $4 and may_commit()
    for share of l
    on conflict (group_name, topic, partition)
      do update set committed = excluded.committed where o.committed <= excluded.committed
    returning committed`,
};

export interface Lease {
  topic: string;
  partition: number;
  token: bigint;
}

/** False: the token is stale. After each handled batch, by the owner of the partition. */
export async function commitOffset(database: Database, group: string, lease: Lease, next: bigint): Promise<boolean> {
  const rows = await database.query(COMMIT, [group, lease.topic, lease.partition, lease.token, next]);
  return rows.length > 0;
}
