import type { Queryable } from '#db';

/** These say what holds of a flow, a connection, a record's id or a value, and not what is to become of one document. */
const STAY = ['pause', 'resume', 'bind', 'fill', 'cancel-replay'];

const REASON = 'the database was restored while it waited: look, and order it again';

/** What a replay has sent through stays said, as where delivery gives one up. One that is executed just now is waited for. */
const END = `
  with ended as (
    update command set status = 'refused', result = coalesce(result, '{}') || $2, done_at = clock_timestamp()
    where stage = 'delivery' and status = 'waiting' and kind <> all($1::text[])
    returning id
  ), left_over as (
    delete from command_event where command_id in (select id from ended)
  )
  select pg_notify('crossdock_command_done', id::text) from ended`;

/**
 * Ends the orders about documents that delivery has not executed to their end: a retry, a replay and the like were given on what
 * was known before the restore, and would send what may be at the target since. Answers how many.
 */
export async function endOrders(database: Queryable): Promise<number> {
  return (await database.query(END, [STAY, JSON.stringify({ reason: REASON })])).length;
}
