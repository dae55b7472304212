import type { DeliveryStatus } from '#contracts';
import type { Queryable } from '#db';

export interface Unfinished {
  flow: string;
  status: DeliveryStatus;
  currency: string | null;
  /** decimal text; null where the flow values nothing */
  amount: string | null;
  /** how long ago they were accepted: under 5 minutes, an hour, a day, or longer */
  age: '5m' | '1h' | '1d' | 'older';
  count: number;
  oldest: Date;
}

/** The words of the partial index delivery_lane_open, so that the planner sees it. */
export const UNFINISHED_SQL = 'ended is null';

/** What is not finished, from the partial index: the cost follows the backlog, not the history. */
const SQL = `
  select flow, status, currency, age, count(*)::int as count, trim_scale(sum(amount))::text as amount, min(accepted_at) as oldest
  from (
    select flow, status, currency, amount, accepted_at,
      case when clock_timestamp() - accepted_at < interval '5 minutes' then '5m'
           when clock_timestamp() - accepted_at < interval '1 hour' then '1h'
           when clock_timestamp() - accepted_at < interval '1 day' then '1d'
           else 'older' end as age
    from delivery where ${UNFINISHED_SQL}
  ) as open
  group by flow, status, currency, age`;

export const unfinished = (db: Queryable): Promise<Unfinished[]> => db.query<Unfinished>(SQL);
