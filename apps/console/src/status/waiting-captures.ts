import type { Flow } from '#contracts';
import type { Queryable } from '#db';
import { flowsAsJson, type Window } from './event-fates.ts';

/**
 * What was answered with 2xx and is no event yet, by the flows that will want it. Read from the partial index of waiting
 * rows: there are few, whatever was captured before.
 */
const SQL = `
  select f.flow, count(*)::int as count, min(c.captured_at) as oldest,
    count(*) filter (where c.captured_at + f.freshness * interval '1 second' > $2::timestamptz
      and c.captured_at + f.freshness * interval '1 second' <= $3::timestamptz)::int as crossed
  from jsonb_to_recordset($1::jsonb) as f (flow text, entity text, sources text[], freshness float8)
  join captured c on c.entity = f.entity and c.connection = any(f.sources) and c.status = 'waiting'
  group by f.flow`;

export interface WaitingCaptures {
  flow: string;
  count: number;
  oldest: Date;
  /** how many of them passed their flow's freshness within the window asked for */
  crossed: number;
}

export function waitingCaptures(
  db: Queryable,
  flows: Iterable<Flow>,
  window: Window | undefined = undefined,
): Promise<WaitingCaptures[]> {
  return db.query<WaitingCaptures>(SQL, [flowsAsJson(flows), window?.from ?? null, window?.to ?? null]);
}
