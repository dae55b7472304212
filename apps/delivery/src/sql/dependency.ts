import type { Statement } from '#db';

/**
 * Locks the rows of what is waited for, making them where they are not yet there: connections $1, kinds $2, names $3,
 * keys $4. Both who holds and who binds does this first; whoever comes second sees what the first one committed. Sorted,
 * so that two of them cannot lock in opposite orders. `$5` marks them as bound.
 */
export const LOCK_DEPENDENCIES: Statement = {
  name: 'delivery-lock-dependencies',
  text: `
insert into dependency (connection, kind, name, key, bound_at)
select distinct x.connection, x.kind, x.name, x.key, case when $5::boolean then clock_timestamp() end
  from unnest($1::text[], $2::text[], $3::text[], $4::text[]) as x(connection, kind, name, key)
 order by 1, 2, 3, 4
on conflict (connection, kind, name, key) do update
   set bound_at = case when $5::boolean then clock_timestamp() else dependency.bound_at end
returning id, connection, kind, name, key`,
};

/** Writes down who waits for what: dependencies $1, deliveries $2. */
export const WAIT_FOR: Statement = {
  name: 'delivery-wait-for',
  text: `
insert into dependency_wait (dependency_id, delivery_id)
select * from unnest($1::bigint[], $2::bigint[]) on conflict do nothing`,
};

/** How many waiters one statement releases. */
export const RELEASE_BATCH = 500;

export interface ReleasedRow {
  delivery_id: bigint;
  connection: string;
}

/**
 * Releases up to ${RELEASE_BATCH} of those that wait for dependencies $1. A statement of its own after the lock, so that its
 * snapshot shows every hold committed before it. Ordered by the time they wait: oldest first.
 */
export const RELEASE_WAITERS: Statement = {
  name: 'delivery-release-waiters',
  text: `
with gone as (
  delete from dependency_wait w using (
    select dependency_id, delivery_id from dependency_wait where dependency_id = any($1::bigint[])
     order by since, delivery_id limit ${RELEASE_BATCH} for update skip locked
  ) o where w.dependency_id = o.dependency_id and w.delivery_id = o.delivery_id
  returning w.delivery_id
), lanes as (
  select l.id from lane l
   where l.id in (select d.lane_id from delivery d join gone g on g.delivery_id = d.id) order by l.id for update
), freed as (
  update delivery d set status = 'PENDING', waiting_for = null, error_class = null, error = null, changed_at = clock_timestamp()
    from (select distinct delivery_id from gone) g
   where d.id = g.delivery_id and d.lane_id in (select id from lanes) and d.status = 'HELD_DEPENDENCY'
  returning d.lane_id
), woken as (
  update lane l set wake = true,
         due_at = case when l.holder is null then clock_timestamp() else l.due_at end
   where l.id in (select lane_id from freed)
  returning l.connection
)
select g.delivery_id, coalesce((select min(connection) from woken), '') as connection from gone g`,
};

/**
 * The sweep: waiters of dependencies that are bound, or whose id or value is there although nobody marked them. Finds
 * nothing while the locks do their work; whatever it repairs is counted.
 */
export const FIND_FORGOTTEN: Statement = {
  name: 'delivery-find-forgotten',
  text: `
select distinct d.id from dependency d join dependency_wait w on w.dependency_id = d.id
 where w.since < clock_timestamp() - interval '5 seconds' and (
       (d.kind = 'reference' and exists (select 1 from xref x where x.connection = d.connection and x.document = d.name and x.key = d.key))
    or (d.kind = 'value' and exists (select 1 from value_map v where v.connection in (d.connection, '') and v.set = d.name and v.from_value = d.key)))
 limit 500`,
};
