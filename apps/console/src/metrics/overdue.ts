import type { Flow } from '#contracts';
import type { Queryable } from '#db';
import { UNFINISHED_SQL } from '../status/unfinished.ts';
import { eventFates, flowsAsJson, type Mark, type Window } from '../status/event-fates.ts';
import { waitingCaptures } from '../status/waiting-captures.ts';

/**
 * Deliveries whose freshness ended within the window and that were not finished by then, finished late ones included. The
 * index delivery_accepted finds the window.
 */
const DELIVERIES = `
  select f.flow, count(*)::int as count
  from jsonb_to_recordset($1::jsonb) as f (flow text, freshness float8)
  join delivery d on d.flow = f.flow
    and d.accepted_at > $2::timestamptz - f.freshness * interval '1 second'
    and d.accepted_at <= $3::timestamptz - f.freshness * interval '1 second'
  where d.${UNFINISHED_SQL} or d.finished_at is null or d.finished_at > d.accepted_at + f.freshness * interval '1 second'
  group by f.flow`;

const NOW = `select date_trunc('milliseconds', clock_timestamp()) as now`;

export async function clock(db: Queryable): Promise<Date> {
  const [row] = await db.query<{ now: Date }>(NOW);
  return row!.now;
}

/**
 * How many events passed their flow's freshness undelivered within the window, by flow. Windows follow each other without
 * gap or overlap, and an event is at any moment a waiting capture, an event on its way, or a delivery: so each is counted
 * once, in the window in which its time ran out. `mark` is that of an earlier look over the same flows.
 */
export async function overdue(
  db: Queryable,
  flows: readonly Flow[],
  window: Window,
  mark: Mark,
): Promise<Map<string, number>> {
  const timed = flows.filter(({ freshnessMs }) => freshnessMs !== undefined);
  const crossed = new Map(timed.map(({ name }) => [name, 0]));
  const add = (flow: string, count: number): void => void crossed.set(flow, (crossed.get(flow) ?? 0) + count);
  const params = [flowsAsJson(timed), window.from, window.to];
  for (const row of await db.query<{ flow: string; count: number }>(DELIVERIES, params)) add(row.flow, row.count);
  const { fates } = await eventFates(db, timed, mark, window);
  for (const row of fates) add(row.flow, row.crossed);
  for (const row of await waitingCaptures(db, timed, window)) add(row.flow, row.crossed);
  return crossed;
}
