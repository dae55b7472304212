import type { Statement } from '#db';

/**
 * Which leases are still ours; they stay so until the transaction ends, because taking one over needs the row lock that
 * this holds. A lease that ran out and was taken by nobody is still ours. `order by`: no deadlock with claims.
 */
export const HOLD_LEASES: Statement = {
  name: 'capture-hold-leases',
  text: `
    select held.key
    from normalise_lease as held
    join unnest($1::text[], $2::bigint[]) as mine (key, token) on mine.key = held.key and mine.token = held.token
    order by held.key collate "C"
    for update of held`,
};
