import type { BreakerName, ConnectionStateName } from '#contracts';
import type { Statement } from '#db';
import { UNFINISHED } from './unfinished.ts';

export interface ConnectionRow {
  state: ConnectionStateName;
  breaker: BreakerName;
  heldMs: number;
  /** until the next probe; null: none planned */
  probeMs: number | null;
  probe_count: number;
  probe_holder: string | null;
  /** requests per minute that the target throttled us to; null: as configured */
  rate: number | null;
  quotaUsed: number;
  /** until the daily quota begins anew, ms */
  quotaResetMs: number;
}

const SHAPE = `state, breaker, probe_count, probe_holder, connection_rate(connection_state) as rate,
  case when quota_resets_at > clock_timestamp() then quota_used else 0 end as "quotaUsed",
  greatest(0, extract(epoch from nullif(quota_resets_at, '-infinity') - clock_timestamp()) * 1000)::float8 as "quotaResetMs",
  greatest(0, extract(epoch from held_until - clock_timestamp()) * 1000)::float8 as "heldMs",
  (extract(epoch from probe_at - clock_timestamp()) * 1000)::float8 as "probeMs"`;

/** Makes the row of connection $1 and its $2 slots; $3 requests of a day are for deliveries (null: no quota). */
export const ENSURE_CONNECTION: Statement = {
  name: 'delivery-ensure-connection',
  text: `
with made as (insert into connection_state (connection, quota_most) values ($1, $3)
              on conflict (connection) do update set quota_most = excluded.quota_most)
insert into connection_slot (connection, n) select $1, n from generate_series(1, $2::int) n on conflict do nothing`,
};

export const READ_CONNECTION: Statement = {
  name: 'delivery-read-connection',
  text: `select ${SHAPE} from connection_state where connection = $1`,
};

/** A meter tripped: open, first probe in $2 ms. Whoever comes second changes nothing. */
export const OPEN_BREAKER: Statement = {
  name: 'delivery-open-breaker',
  text: `
update connection_state set breaker = 'open', breaker_since = clock_timestamp(), probe_count = 0, probe_holder = null,
       probe_at = clock_timestamp() + $2 * interval '1 ms', changed_at = clock_timestamp()
 where connection = $1 and breaker = 'closed' returning 1 as ok`,
};

/** Credentials were refused ($3 says how): nothing is sent until a probe, the first in $2 ms, goes through. */
export const NEED_REAUTH: Statement = {
  name: 'delivery-need-reauth',
  text: `
update connection_state set state = 'needs_reauth', reason = $3, probe_holder = null,
       probe_at = clock_timestamp() + $2 * interval '1 ms', changed_at = clock_timestamp()
 where connection = $1 and state = 'active' returning 1 as ok`,
};

/** One process at a time probes: takes the turn of connection $1 for holder $2, who has $3 ms before another may. */
export const TAKE_PROBE: Statement = {
  name: 'delivery-take-probe',
  text: `
update connection_state set probe_holder = $2, probe_count = probe_count + 1, probe_at = clock_timestamp() + $3 * interval '1 ms'
 where connection = $1 and probe_at <= clock_timestamp() and (breaker <> 'closed' or state = 'needs_reauth')
returning ${SHAPE}`,
};

/** The probe of holder $2 went through: one lane's head may try; if nothing came of it in $3 ms, another probe. */
export const HALF_OPEN: Statement = {
  name: 'delivery-half-open',
  text: `
update connection_state set breaker = 'half-open', probe_at = clock_timestamp() + $3 * interval '1 ms', changed_at = clock_timestamp()
 where connection = $1 and probe_holder = $2 and breaker <> 'closed' returning 1 as ok`,
};

/** The head went through: everything may. */
export const CLOSE_BREAKER: Statement = {
  name: 'delivery-close-breaker',
  text: `
update connection_state set breaker = 'closed', breaker_since = clock_timestamp(), probe_at = null, probe_holder = null,
       probe_count = 0, reason = case when state = 'active' then null else reason end, changed_at = clock_timestamp()
 where connection = $1 and probe_holder = $2 and breaker <> 'closed' returning 1 as ok`,
};

/**
 * Connection $1 answers again: what was refused at its door, without a byte sent, is due at once, and the rung of the ladder
 * that it climbed for that is given back. It was the connection and not the record; else a short outage would be followed by the
 * wait of a long one. Lanes in order of their ids, like every lock of several lanes.
 */
export const BRING_FORWARD: Statement = {
  name: 'delivery-bring-forward',
  text: `
with lanes as (
  select id from lane
   where holder is null and id in (
         select lane_id from delivery
          where ${UNFINISHED} and status = 'RETRY_WAIT' and connection = $1 and error_class = 'CONNECTION' and next_attempt_at > clock_timestamp())
   order by id for update
), moved as (
  update delivery d set next_attempt_at = clock_timestamp(), step = greatest(0, d.step - 1), changed_at = clock_timestamp()
    from lanes where d.lane_id = lanes.id and d.${UNFINISHED} and d.status = 'RETRY_WAIT' and d.error_class = 'CONNECTION'
)
update lane l set due_at = clock_timestamp() from lanes where l.id = lanes.id returning l.id`,
};

/** It did not: open again, next probe in $3 ms; $4 says what the probe found, where it is known. */
export const REOPEN_BREAKER: Statement = {
  name: 'delivery-reopen-breaker',
  text: `
update connection_state set breaker = 'open', probe_at = clock_timestamp() + $3 * interval '1 ms', probe_holder = null,
       reason = case when state = 'active' then coalesce($4, reason) else reason end, changed_at = clock_timestamp()
 where connection = $1 and probe_holder = $2 and breaker <> 'closed' returning 1 as ok`,
};

/** The credentials are still refused: next probe in $3 ms. */
export const POSTPONE_PROBE: Statement = {
  name: 'delivery-postpone-probe',
  text: `
update connection_state set probe_at = clock_timestamp() + $3 * interval '1 ms', probe_holder = null
 where connection = $1 and probe_holder = $2 returning 1 as ok`,
};

/** Credentials work again. A breaker that opened meanwhile is probed at once: nothing else would ever close it. */
export const REAUTHENTICATED: Statement = {
  name: 'delivery-reauthenticated',
  text: `
update connection_state set state = 'active', reason = null,
       probe_at = case when breaker <> 'closed' then clock_timestamp() end, probe_holder = null, probe_count = 0,
       changed_at = clock_timestamp()
 where connection = $1 and probe_holder = $2 and state = 'needs_reauth' returning 1 as ok`,
};

/**
 * Connection $1 is active again: who was refused more than once, and is due within $2 ms, is due a second after all who waited
 * meanwhile, so that one record which alone is refused does not stop them again. What is claimed together goes in any order.
 */
export const AFTER_THE_OTHERS: Statement = {
  name: 'delivery-after-the-others',
  text: `
with refused as (
  select l.id from lane l
   where l.connection = $1 and l.holder is null
     and l.due_at > statement_timestamp() and l.due_at <= statement_timestamp() + $2 * interval '1 ms'
     and exists (select 1 from delivery d where d.lane_id = l.id and d.${UNFINISHED} and d.status in ('PENDING', 'UNKNOWN')
                    and d.error_class = 'AUTH' and d.next_attempt_at is null)
   order by l.id for update of l skip locked
)
update lane l set due_at = clock_timestamp() + interval '1 s' from refused r where l.id = r.id`,
};
