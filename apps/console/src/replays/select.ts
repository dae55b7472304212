import type { Flow } from '#contracts';
import type { Queryable, Transaction } from '#db';
import { conditionsOf } from '../deliveries/conditions.ts';
import type { DeliveryFilter } from '../deliveries/filter.ts';

/** What a replay is of: the events of deliveries, or those in a dead-letter topic. */
export type Selection = { of: 'deliveries'; filter: DeliveryFilter } | { of: 'dead-letters'; filter: DeadLetterFilter };

export interface DeadLetterFilter {
  /** what it may want: a dead letter of an event is one for every flow that reads it */
  flow?: Pick<Flow, 'name' | 'entity' | 'from'>;
  entity?: string;
}

function selected(selection: Selection, params: unknown[]): string {
  return selection.of === 'deliveries'
    ? ofDeliveries(selection.filter, params)
    : ofDeadLetters(selection.filter, params);
}

/**
 * The events that are a dead letter, or of which a document is one, unless delivery has taken them in since then, as after a replay: all
 * of an event, or for the document's own flow. Nor those whose replay no mapping wanted.
 */
function ofDeadLetters({ flow, entity }: DeadLetterFilter, params: unknown[]): string {
  const conditions = [
    `not exists (select from delivery_key k
       where k.event_id = coalesce(e.replay_of, e.event_id) and k.flow = coalesce(x.headers->>'cd_flow', k.flow))`,
    `not exists (select from unrouted u where u.event_id = coalesce(e.replay_of, e.event_id))`,
    `not exists (select from replay r join unrouted u on u.event_id = r.event_id where r.replay_of = coalesce(e.replay_of, e.event_id))`,
  ];
  if (flow !== undefined) {
    const [name, entityOf, from] = [params.push(flow.name), params.push(flow.entity), params.push(flow.from)];
    conditions.push(
      `case when x.headers ? 'cd_flow' then x.headers->>'cd_flow' = $${name}
         else e.entity = $${entityOf} and e.source = any($${from}::text[]) end`,
    );
  }
  if (entity !== undefined) conditions.push(`e.entity = $${params.push(entity)}`);
  return `select coalesce(e.replay_of, e.event_id) as event_id, min(e.outbox_id) as first
    from dead_letter x
      join outbox_event i on i.event_id = x.event_id
      join crm_event e on e.outbox_id = i.outbox_id
    where ${conditions.join(' and ')} group by 1`;
}

/** The events of the deliveries that a filter names, each once, oldest first; without those of write-backs, which replay nothing. */
function ofDeliveries(filter: DeliveryFilter, params: unknown[]): string {
  const conditions = [...conditionsOf(filter, params), "d.event_topic like 'crm.%'"];
  return `select d.event_id, min(d.id) as first from delivery d where ${conditions.join(' and ')} group by d.event_id`;
}

/** How many a replay would send through, and the ids of the first hundred. */
export async function countSelected(db: Queryable, selection: Selection): Promise<{ count: number; events: string[] }> {
  const params: unknown[] = [];
  const rows = await db.query<{ event_id: string; count: number }>(
    `select event_id, count(*) over ()::int as count from (${selected(selection, params)}) s order by first limit 100`,
    params,
  );
  return { count: rows[0]?.count ?? 0, events: rows.map(({ event_id }) => event_id) };
}

/** Writes down which events the replay that command `id` orders has to send through: what the selection names now. Gives their number. */
export async function keepSelected(tx: Transaction, id: string, selection: Selection): Promise<number> {
  const params: unknown[] = [id];
  const [kept] = await tx.query<{ count: number }>(
    `with kept as (
       insert into command_event (command_id, n, event_id)
       select $1::uuid, row_number() over (order by first), event_id
         from (${selected(selection, params)}) s
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
