import type { Statement } from '#db';

/** The lock of one process; the first word keeps it apart from other advisory locks of this database. */
const LOCK = (holder: string): string => `hashtextextended('crossdock delivery ' || ${holder}, 0)`;

/**
 * Ends earlier sessions that have the lock of holder $1: they are ours, and lost. Where the network swallowed one, the server
 * would keep it for hours, and we would wait for ourselves. PostgreSQL shows the two halves of a lock's number.
 */
export const END_EARLIER: Statement = {
  name: 'delivery-end-earlier',
  text: `
select pg_terminate_backend(l.pid) from pg_locks l, (select ${LOCK('$1::text')} as number) k
 where l.locktype = 'advisory' and l.objsubid = 1 and l.mode = 'ExclusiveLock' and l.granted and l.pid <> pg_backend_pid()
   and l.classid = ((k.number >> 32) & 4294967295)::oid and l.objid = (k.number & 4294967295)::oid`,
};

/** Takes the session lock of holder $1. */
export const LOCK_INSTANCE: Statement = {
  name: 'delivery-lock-instance',
  text: `select pg_advisory_lock(${LOCK('$1::text')})`,
};

/** Registers holder $1, whose lock this session has by now. */
export const REGISTER_INSTANCE: Statement = {
  name: 'delivery-register-instance',
  text: `
insert into delivery_process (holder, locked_at) values ($1, clock_timestamp())
on conflict (holder) do update set locked_at = excluded.locked_at`,
};

/**
 * Processes other than $1 whose lock is gone. A lock taken before the server started says nothing: all sessions ended with the
 * server, and who is alive takes it anew; such a row counts again $2 ms after that start. The lock that
 * tries it is shared, so that two who look do not take each other for the living, and ends with the statement.
 */
export const FIND_DEAD: Statement = {
  name: 'delivery-find-dead',
  text: `
with others as materialized (
  select holder from delivery_process
   where holder <> $1
     and (locked_at > pg_postmaster_start_time() or pg_postmaster_start_time() < clock_timestamp() - $2 * interval '1 ms')
)
select holder from others where pg_try_advisory_xact_lock_shared(${LOCK('holder')})`,
};

/**
 * Those of $1 whose lock is gone still; until the transaction ends none of them can come back. Whom another process is burying
 * at this moment is left to it.
 */
export const STAY_DEAD: Statement = {
  name: 'delivery-stay-dead',
  text: `
with named as materialized (
  select holder from delivery_process where holder = any($1::text[]) order by holder for update skip locked
)
select holder from named where pg_try_advisory_xact_lock_shared(${LOCK('holder')})`,
};

export const FORGET_INSTANCES: Statement = {
  name: 'delivery-forget-instances',
  text: `delete from delivery_process where holder = any($1::text[])`,
};
