import type { Queryable } from '#db';
import { unpublishedSql } from '../status/unpublished.ts';

/**
 * Nothing is lost, as two equations, each over rows of different owners. Both read everything, because a row that vanished
 * is seen only by looking for it: some seconds for a million events, so they run in the background at a twentieth of a
 * connection.
 *
 * Captured: every receipt has its captured row, and a captured row has an outbox row exactly when it is published. Which ids
 * the archive has dropped say the bounds of its partitions: they go whole, oldest first, and never the last one. As they are
 * (`pg_partition_tree`), not as this snapshot saw them: one may be dropped before the statement has its lock.
 */
const CAPTURED = `
  with archive as (
    select min(coalesce(
      (regexp_match(pg_get_expr(child.relpartbound, child.oid), 'FROM \\(''?(\\d+)'))[1]::bigint, 0)) as begins
    from pg_partition_tree('outbox') as part join pg_class as child on child.oid = part.relid
    where pg_get_expr(child.relpartbound, child.oid) <> 'DEFAULT'
  )
  select count(*)::int as difference
  from captured_key k
  cross join archive
  left join captured c on c.id = k.captured_id
  left join outbox_event x on x.event_id = c.event_id
  left join outbox o on o.id = x.outbox_id
  where c.id is null or (c.status = 'published') <> coalesce(o.id is not null or x.outbox_id < archive.begins, false)`;

/**
 * Fan-out: an event that is published, and was appended a minute ago, has as many deliveries as its fan-out says (a dead letter stands
 * for one), or is unrouted, or is a dead letter.
 */
const FAN_OUT = `
  with settled as (
    select event_id from crm_event
    where replay_of is null and appended_at < clock_timestamp() - interval '1 minute'
      and not ${unpublishedSql('outbox_id')}
  ), delivered as (
    select event_id, count(*) as found, max(fan_out) as wanted from delivery group by event_id
  ), dead as (
    select event_id, count(*) as found from dead_letter where event_id is not null group by event_id
  )
  select coalesce(sum(case
      when d.found is not null then greatest(d.wanted - d.found - coalesce(x.found, 0), 0)
      when x.found is not null or u.event_id is not null then 0
      else 1
    end), 0)::int as difference
  from settled s
  left join delivered d on d.event_id = s.event_id
  left join dead x on x.event_id = s.event_id
  left join unrouted u on u.event_id = s.event_id`;

export interface Conservation {
  captured: number;
  'fan-out': number;
}

/** Both must be 0. */
export async function conservation(db: Queryable): Promise<Conservation> {
  const [captured] = await db.query<{ difference: number }>(CAPTURED);
  const [fanOut] = await db.query<{ difference: number }>(FAN_OUT);
  return { captured: captured!.difference, 'fan-out': fanOut!.difference };
}
