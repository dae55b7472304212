import type { Statement } from '#db';

/**
 * Makes the lanes that processes $1 held due at once: they are gone. Nothing else changes. Whoever claims one takes a new token, and
 * an attempt left open is in doubt from the moment that was stored with it, as if the lease had ended. Found by when they are due,
 * which is the end of their lease, at most $2 ms away; ordered by id like every lock of several lanes.
 */
export const TAKE_OVER: Statement = {
  name: 'delivery-take-over',
  text: `
update lane l set due_at = clock_timestamp()
  from (select id from lane
         where connection in (select connection from connection_state) and holder = any($1::text[])
           and due_at > statement_timestamp() and due_at <= statement_timestamp() + $2 * interval '1 ms'
         order by id for update) o
 where l.id = o.id`,
};
