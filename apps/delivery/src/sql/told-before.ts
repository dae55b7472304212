import type { Statement } from '#db';
import { UNFINISHED } from './unfinished.ts';

export interface ToldRow {
  again: boolean;
}

/**
 * Whether a request of lane $1 was answered with class $2 before, as long as what it was for is unfinished. By the lane and not the
 * delivery: a record that changes often would be a new one each time. Asked before the answer at hand is recorded.
 */
export const TOLD_BEFORE: Statement = {
  name: 'delivery-told-before',
  text: `
select exists (
  select 1 from delivery d join attempt a on a.delivery_id = d.id
   where d.lane_id = $1 and d.${UNFINISHED} and d.attempt_n > 0 and a.outcome = 'retry' and a.error_class = $2
) as again`,
};
