import type { Flow } from '#contracts';
import type { Queryable } from '#db';

/**
 * What was answered with 2xx and is no event yet, by the flows that will want it. Read from the partial index of waiting
 * rows: there are few, whatever was captured before.
 */
const SQL = `
  select f.flow, count(*)::int as count, min(c.captured_at) as oldest
  from jsonb_to_recordset($1::jsonb) as f (flow text, entity text, sources text[])
  join captured c on c.entity = f.entity and c.connection = any(f.sources) and c.status = 'waiting'
  group by f.flow`;

export interface WaitingCaptures {
  flow: string;
  count: number;
  oldest: Date;
}

export function waitingCaptures(db: Queryable, flows: Iterable<Flow>): Promise<WaitingCaptures[]> {
  const asJson = JSON.stringify([...flows].map(({ name, entity, from }) => ({ flow: name, entity, sources: from })));
  return db.query<WaitingCaptures>(SQL, [asJson]);
}
