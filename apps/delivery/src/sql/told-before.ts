import type { Statement } from '#db';
import type { Told } from '../core/settlement.ts';
import { UNFINISHED } from './unfinished.ts';

export interface ToldRow {
  told: Told;
}

/**
 * Whether a request of lane $1 was answered with class $2 before, as long as what it was for is unfinished. By the lane and not the
 * delivery: a record that changes often would be a new one each time. Asked before the answer at hand is recorded.
 *
 * What is said of the connection `again` is said of this record `alone` if one of another record of connection $3 went through that was begun
 * after the first time (what was on its way then shows nothing), and within ten minutes (twice the wait between two tries of
 * credentials; by the index of times). Where nothing was, credentials are taken as they were found before: `counts`.
 */
export const TOLD_BEFORE: Statement = {
  name: 'delivery-told-before',
  text: `
with before as (
  select min(a.ended_at) as at, bool_or(a.counts) as alone
    -- offset 0, here and below: by its key for each row, whatever the statistics say
    from delivery d cross join lateral (
      select ended_at, counts from attempt where delivery_id = d.id and outcome = 'retry' and error_class = $2 offset 0
    ) a
   where d.lane_id = $1 and d.${UNFINISHED} and d.attempt_n > 0
), other as (
  select 1 from before b cross join attempt a
   cross join lateral (select connection, lane_id from delivery where id = a.delivery_id offset 0) d
   where a.started_at > greatest(b.at, statement_timestamp() - interval '10 min') and a.outcome in ('done', 'duplicate')
     and d.connection = $3 and d.lane_id <> $1
   limit 1
)
select case when b.at is null then 'first'
            when exists (select from other) or ($2 = 'AUTH' and b.alone) then 'alone'
            else 'again' end as told
  from before b`,
};
