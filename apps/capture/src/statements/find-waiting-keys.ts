import type { Statement } from '#db';

/**
 * Records that have something waiting and that nobody holds, of the connections this process knows: during a change of
 * configuration another process may know more. `order by`: the oldest first, so that none starves.
 */
export const FIND_WAITING_KEYS: Statement = {
  name: 'capture-find-waiting-keys',
  text: `
    select distinct key from (
      select key from captured
      where status = 'waiting' and connection = any($2::text[]) and not exists (
        select 1 from normalise_lease as lease where lease.key = captured.key and lease.until > clock_timestamp()
      )
      order by id
      limit $1
    ) as waiting`,
};
