import type { Statement } from '#db';

export interface PermitRow {
  granted: number;
  /** until the rate allows one more, ms; 0: at once */
  nextMs: number;
  quotaUsed: number;
  /** until the daily quota begins anew, ms */
  quotaResetMs: number;
}

/**
 * Asks for $2 requests of connection $1: how many may begin now. $3 requests per minute are configured (null: no limit), and
 * what the target throttled us to goes before it; up to $4 of the day may be used (null: no quota), a day of zone $5. With $6
 * the requests take place in any case (a probe, a look that belongs to a request) and are only counted; a negative number gives
 * back what was granted.
 *
 * A second's worth may go at once; evenly spaced otherwise rather than a window per minute, which lets twice the rate through
 * at its border.
 */
export const TAKE_PERMITS: Statement = {
  name: 'delivery-take-permits',
  text: `
with before as (
  select c.connection, n.now, greatest(c.rate_at, n.now) as base, least($3::float8, connection_rate(c)) as rate,
         case when c.quota_resets_at > n.now then c.quota_used else 0 end as used,
         case when c.quota_resets_at > n.now then c.quota_resets_at
              else ((n.now at time zone $5)::date + 1)::timestamp at time zone $5 end as resets_at
    from connection_state c, (select clock_timestamp() as now) n where c.connection = $1 for update of c
), paced as (
  select *, greatest(1, floor(rate / 60)) as burst,
         60000 / greatest(1, rate - case when rate >= 120 then floor(rate / 60) else 0 end) as spacing from before
), granted as (
  select *, case when $6::boolean then $2::int else
         greatest(0, least($2::int, $4::int - used,
           floor((extract(epoch from now - base) * 1000 + burst * spacing) / spacing)))::int end as n from paced
), written as (
  update connection_state c
     set rate_at = case when g.rate is null then c.rate_at else g.base + g.n * g.spacing * interval '1 ms' end,
         quota_used = greatest(0, g.used + g.n), quota_resets_at = g.resets_at
    from granted g where c.connection = g.connection
  returning c.rate_at, c.quota_used
)
select g.n as granted, w.quota_used as "quotaUsed",
       extract(epoch from g.resets_at - g.now)::float8 * 1000 as "quotaResetMs",
       coalesce(greatest(0, extract(epoch from nullif(w.rate_at, '-infinity') - g.now) * 1000 - (g.burst - 1) * g.spacing), 0)::float8 as "nextMs"
  from granted g, written w`,
};

/**
 * The target asked us to slow down: nothing of connection $1 is claimed for $2 ms. Its rate is halved once per trouble and then
 * rises evenly, over $5 ms from nothing to where it was. A request that began ($3 ms ago) before the last hold was over, or
 * within the second in which every process learns of a lowered rate, says nothing new. $4 requests per minute are configured; where nothing is, the rate is what was begun within the last ten
 * seconds, and at least $6.
 */
export const THROTTLE: Statement = {
  name: 'delivery-throttle',
  text: `
with before as (
  select c.connection, clock_timestamp() + $2 * interval '1 ms' as until,
         coalesce(greatest(c.rate_lowered_at + interval '1 s', c.held_until) < clock_timestamp() - $3 * interval '1 ms', true) as lower, connection_rate(c) as rate
    from connection_state c where c.connection = $1 for update
), counted as (
  select b.*, case when lower then coalesce(least($4::float8, rate), greatest($6::float8, (
           select count(*) * 60 / greatest(1, extract(epoch from clock_timestamp() - min(a.started_at)))
             from attempt a join delivery d on d.id = a.delivery_id
            where a.started_at > clock_timestamp() - interval '10 s' and d.connection = $1)))::float8 end as was
    from before b
)
update connection_state c
   set held_until = greatest(c.held_until, b.until), changed_at = clock_timestamp(),
       rate_low = case when lower then greatest(1, was / 2) else c.rate_low end,
       rate_top = case when lower then coalesce($4::float8, case when b.rate is null then was else c.rate_top end) else c.rate_top end,
       rate_step = case when lower then coalesce($4::float8, case when b.rate is null then was else c.rate_top end) * 1000 / $5
                        else c.rate_step end,
       rate_since = greatest(c.rate_since, b.until),
       rate_lowered_at = case when lower then clock_timestamp() else c.rate_lowered_at end
  from counted b where c.connection = b.connection
returning lower as lowered, rate_low as "perMinute"`,
};
