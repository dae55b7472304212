import { FINISHED, type DeliveryStatus } from '#contracts';
import { SCHEMA, type Database } from '#db';

/** A document that the database holds for not delivered. */
export interface Unfinished {
  id: bigint;
  connection: string;
  document: string;
  key: string;
  status: DeliveryStatus;
  version: bigint;
  requestKey: string;
  /** the target's id of the record, as far as the database knows */
  targetId: string | null;
}

const list = (statuses: Iterable<string>): string => [...statuses].map((status) => `'${status}'`).join(', ');

/** By id and page by page: the backlog may be long. The request key of the last attempt, else that of the first one to come. */
const PAGE = `
  select d.id, d.connection, d.document, d.key, d.status, d.aggregate_version as version,
    coalesce(a.request_key, d.document_id::text) as "requestKey", x.target_id as "targetId"
  from ${SCHEMA}.delivery d
  left join ${SCHEMA}.xref x on x.connection = d.connection and x.document = d.document and x.key = d.key
  left join ${SCHEMA}.attempt a on a.delivery_id = d.id and a.n = d.attempt_n
  where d.id > $1 and d.kind = 'document' and d.status not in (${list(FINISHED)})
  order by d.id limit 500`;

export async function* unfinished(database: Database): AsyncGenerator<Unfinished[]> {
  for (let after = 0n; ;) {
    const page = await database.query<Unfinished>(PAGE, [after]);
    if (page.length === 0) return;
    yield page;
    after = page.at(-1)!.id;
  }
}

/** What waits for its turn; whatever a person or another record holds back already stays as it is. */
const HOLD = `
  with held as (
    update ${SCHEMA}.delivery d set status = 'HELD_REVIEW', review = $3, changed_at = clock_timestamp(), next_attempt_at = null
    where d.id = any($1::bigint[]) and d.status = any($2::text[])
    returning 1
  ) select count(*)::integer as held from held`;

/** Holds deliveries for a person. Only while nothing is sent: it takes no lane. */
export async function hold(database: Database, ids: readonly bigint[], reason: string): Promise<number> {
  if (ids.length === 0) return 0;
  const [row] = await database.query<{ held: number }>(HOLD, [ids, ['PENDING', 'RETRY_WAIT'], reason]);
  return row!.held;
}
