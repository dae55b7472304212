import type { Statement } from '#db';

/** Asked every second, so it takes no lock and no transaction. No order is needed. */
export const ANY_ORDER: Statement = {
  name: 'capture-any-order',
  text: `select 1 from command where stage = 'capture' and status = 'waiting' limit 1`,
};

/** The oldest order for capture that nobody else has in hand. */
export const TAKE_ORDERS: Statement = {
  name: 'capture-take-order',
  text: `
    select id, kind, target, result from command
    where stage = 'capture' and status = 'waiting'
    order by created_at, id limit 1
    for update skip locked`,
};

export interface OrderRow {
  id: string;
  kind: string;
  target: { capturedId?: unknown; connection?: unknown; code?: unknown } | null;
  /** of an order that is worked off in parts */
  result: { rows?: number; after?: string } | null;
}

export interface Changed {
  id: bigint;
  key: string;
}

/**
 * Row $1, or the rejected ones of connection $2 and code $3 (each may be null), at most $4 behind id $5, wait again. They keep their
 * versions, so what they become cannot overtake what is newer. `order by`: oldest first, so that the next part begins behind this one
 * (what is rejected again is not taken twice), and no deadlock among orders.
 */
export const NORMALISE_AGAIN: Statement = {
  name: 'capture-normalise-again',
  text: `
    with chosen as (
      select id from captured
      where (($1::bigint is null and status = 'rejected') or (id = $1 and status in ('rejected', 'dismissed')))
        and ($2::text is null or connection = $2) and ($3::text is null or code = $3)
        and id > $5 and exists (select 1 from captured_payload as payload where payload.captured_id = captured.id)
      order by id limit $4
      for update
    )
    update captured set status = 'waiting', code = null, reason = null, decided_at = null
    from chosen where captured.id = chosen.id
    returning captured.id, captured.key`,
};

/** Row $1 is given up. Its code and reason stay; who did it and why stands in the order. */
export const DISMISS: Statement = {
  name: 'capture-dismiss',
  text: `
    update captured set status = 'dismissed', decided_at = clock_timestamp()
    where id = $1 and status = 'rejected'
    returning id, key`,
};
