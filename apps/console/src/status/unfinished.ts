import { FINISHED, DELIVERY_STATUSES, type DeliveryStatus } from '#contracts';
import type { Queryable } from '#db';

export interface Unfinished {
  flow: string;
  status: DeliveryStatus;
  currency: string | null;
  /** decimal text; null where the flow values nothing */
  amount: string | null;
  oldest: Date;
}

/** The words of the partial index delivery_open, so that the planner sees it. */
export const UNFINISHED_SQL = `status not in (${DELIVERY_STATUSES.filter((status) => FINISHED.has(status))
  .map((status) => `'${status}'`)
  .join(', ')})`;

/** What is not finished, from the partial index: the cost follows the backlog, not the history. */
const SQL = `
  select flow, status, currency, trim_scale(sum(amount))::text as amount, min(accepted_at) as oldest
  from delivery where ${UNFINISHED_SQL}
  group by flow, status, currency`;

export const unfinished = (db: Queryable): Promise<Unfinished[]> => db.query<Unfinished>(SQL);
