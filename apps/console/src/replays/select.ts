import type { Queryable, Transaction } from '#db';
import { conditionsOf } from '../deliveries/conditions.ts';
import type { DeliveryFilter } from '../deliveries/filter.ts';

/** The events of the deliveries that a filter names, each once, oldest first; without those of write-backs, which replay nothing. */
function selected(filter: DeliveryFilter, params: unknown[]): string {
  const conditions = [...conditionsOf(filter, params), "d.event_topic like 'crm.%'"];
  return `select d.event_id, min(d.id) as first from delivery d where ${conditions.join(' and ')} group by d.event_id`;
}

/** How many a replay would send through, and the ids of the first hundred. */
export async function countSelected(
  db: Queryable,
  filter: DeliveryFilter,
): Promise<{ count: number; events: string[] }> {
  const params: unknown[] = [];
  const rows = await db.query<{ event_id: string; count: number }>(
    `select event_id, count(*) over ()::int as count from (${selected(filter, params)}) s order by first limit 100`,
    params,
  );
  return { count: rows[0]?.count ?? 0, events: rows.map(({ event_id }) => event_id) };
}

/** Writes down which events the replay that command `id` orders has to send through: what the filter names now. Gives their number. */
export async function keepSelected(tx: Transaction, id: string, filter: DeliveryFilter): Promise<number> {
  const params: unknown[] = [id];
  const [kept] = await tx.query<{ count: number }>(
    `with kept as (
       insert into command_event (command_id, n, event_id)
       select $1::uuid, row_number() over (order by first), event_id
         from (${selected(filter, params)}) s
       returning 1
     )
     select count(*)::int as count from kept`,
    params,
  );
  return kept!.count;
}

/** The same for events that are named one by one. */
export async function keepNamed(tx: Transaction, id: string, events: readonly string[]): Promise<void> {
  await tx.query(
    `insert into command_event (command_id, n, event_id)
     select $1, x.n, x.event_id from unnest($2::uuid[]) with ordinality as x(event_id, n)`,
    [id, [...new Set(events)]],
  );
}
