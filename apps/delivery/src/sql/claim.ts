import type { Statement } from '#db';

/** One row without a lane where none was taken. */
export interface ClaimAnswer {
  /** ms until the next lane that was not taken is due; null when none will be by itself, or all that was asked for was taken */
  inMs: number | null;
}

export interface ClaimedRow {
  id: bigint;
  document: string;
  key: string;
  token: bigint;
  doubt: bigint | null;
  /** a person ordered its next request */
  ordered: boolean;
  now: Date;
}

/**
 * Takes up to $2 due lanes of connection $1 for holder $3, with a lease of $4 ms. Nothing while the connection is paused,
 * held or its breaker open, or the database may be older than what was sent; a process that may try while it is half-open passes $5.
 *
 * Ordered by due_at: the longest waiting first, and the index gives that order, so that the cost is that of the lanes taken
 * and not of the backlog. A leased lane is due when its lease ends, which is how a dead process's lanes come back.
 * Where fewer are due than asked for it says when the next one will be, so that nobody asks again for that.
 * `statement_timestamp()`, because an index cannot be searched by a volatile `clock_timestamp()`.
 */
export const CLAIM: Statement = { name: 'delivery-claim', text: claim('') };

/** The same of lanes whose next request a person ordered: the daily quota is used up but for its reserve. */
export const CLAIM_ORDERED: Statement = { name: 'delivery-claim-ordered', text: claim('and l.ordered') };

function claim(which: string): string {
  return `
with open as (
  select 1 from connection_state
   where connection = $1 and state = 'active'
     and (breaker = 'closed' or (breaker = 'half-open' and $5::boolean))
     and (held_until is null or held_until <= statement_timestamp())
     and may_send()
), due as (
  select l.id from lane l
   where l.connection = $1 and l.due_at <= statement_timestamp() and exists (select 1 from open) ${which}
   order by l.due_at
   limit $2
   for update skip locked
), taken as (
update lane l
   set token = l.token + 1, holder = $3, wake = false,
       until = clock_timestamp() + $4 * interval '1 ms',
       due_at = clock_timestamp() + $4 * interval '1 ms'
  from due
 where l.id = due.id
returning l.id, l.document, l.key, l.token, l.doubt, l.ordered, clock_timestamp() as now
)
select t.*, n.in_ms as "inMs"
  from (select case when (select count(*) from due) < $2 then (
          select greatest(0, extract(epoch from l.due_at - clock_timestamp()) * 1000)::float8
            from lane l where l.connection = $1 and l.due_at is not null and l.id not in (select id from due)
           order by l.due_at limit 1) end as in_ms) n
  left join taken t on true`;
}

/** When the next lane of connection $1 is due; null when none will be by itself. */
export const NEXT_DUE: Statement = {
  name: 'delivery-next-due',
  text: `
select greatest(0, extract(epoch from due_at - clock_timestamp()) * 1000)::float8 as "inMs"
  from lane where connection = $1 and due_at is not null order by due_at limit 1`,
};
