import { SCHEMA, type Statement } from '#db';

/**
 * Draws the next versions of the results of records $1, $2 of each. The row lock stays until the end of the transaction, which
 * is what lets the relay publish past an open gap. Sorted: two settles cannot lock in opposite orders.
 */
export const DRAW_RESULT_VERSIONS: Statement = {
  name: 'delivery-draw-result-versions',
  text: `
insert into result_version as v (key, version)
select * from unnest($1::text[], $2::bigint[]) as x(key, n) order by key
on conflict (key) do update set version = v.version + excluded.version
returning key, version, (select generation from ${SCHEMA}.history) as generation`,
};
