import type { Statement } from '#db';

/**
 * Joins holder $2 ($4 ms from now) to those that have work for connection $1 and answers with its share of $3 slots: evenly
 * divided, the remainder to the first by name, at least one.
 */
export const JOIN: Statement = {
  name: 'delivery-join-connection',
  text: `
with joined as (
  insert into connection_member as m (connection, holder, until) values ($1, $2, clock_timestamp() + $4 * interval '1 ms')
  on conflict (connection, holder) do update set until = excluded.until
), others as (
  select count(*)::int as n, (count(*) filter (where holder < $2))::int as before
    from connection_member where connection = $1 and holder <> $2 and until > clock_timestamp()
)
select greatest(1, $3::int / (n + 1) + (before < $3::int % (n + 1))::int) as share from others`,
};

/** Holder $2 has no work for connection $1: the others share what it had. */
export const PART: Statement = {
  name: 'delivery-part-connection',
  text: `delete from connection_member where connection = $1 and holder = $2`,
};

/**
 * Takes up to $3 free slots of connection $1 for holder $2 until $4 ms from now; numbers above $5 were taken away by
 * configuration, $6 it has already. Others of its own are those it lost sight of. A slot whose time is over is free.
 */
export const TAKE_SLOTS: Statement = {
  name: 'delivery-take-slots',
  text: `
update connection_slot s set holder = $2, until = clock_timestamp() + $4 * interval '1 ms'
  from (select connection, n from connection_slot
         where connection = $1 and n <= $5 and n <> all($6::int[])
           and (holder is null or holder = $2 or until < clock_timestamp())
         order by n limit $3 for update skip locked) f
 where s.connection = f.connection and s.n = f.n
returning s.n`,
};

/** Keeps slots $3 of connection $1 for holder $2; what is missing from the answer is no longer ours. */
export const KEEP_SLOTS: Statement = {
  name: 'delivery-keep-slots',
  text: `
update connection_slot set until = clock_timestamp() + $4 * interval '1 ms'
 where connection = $1 and holder = $2 and n = any($3::int[]) returning n`,
};

export const GIVE_SLOTS: Statement = {
  name: 'delivery-give-slots',
  text: `update connection_slot set holder = null, until = null where connection = $1 and holder = $2 and n = any($3::int[])`,
};

/** What processes $1, which are gone, held of any connection. */
export const FREE_SLOTS: Statement = {
  name: 'delivery-free-slots',
  text: `
with parted as (delete from connection_member where holder = any($1::text[]))
update connection_slot set holder = null, until = null where holder = any($1::text[])`,
};
