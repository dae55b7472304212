import type { Statement } from '#db';

/** What became of the rows, and the end of their leases. No order is needed: the leases are locked already. */
export const SETTLE_CAPTURED: Statement = {
  name: 'capture-settle',
  text: `
    with settled as (
      update captured set status = decided.status, outbox_id = decided.outbox_id, code = decided.code,
        reason = decided.reason, decided_at = clock_timestamp()
      from unnest($1::bigint[], $2::text[], $3::bigint[], $4::text[], $5::text[])
        as decided (id, status, outbox_id, code, reason)
      where captured.id = decided.id and captured.status = 'waiting'
      returning captured.id
    ), ended as (
      delete from normalise_lease as held using unnest($6::text[], $7::bigint[]) as mine (key, token)
      where held.key = mine.key and held.token = mine.token
    )
    select count(*)::integer as count from settled`,
};
