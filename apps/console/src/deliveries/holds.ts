import type { Queryable } from '#db';
import { iso } from '../api/json.ts';

/** What a held delivery waits for: the target's id of another record, or a value of a set that people fill. */
export interface Hold {
  kind: 'reference' | 'value';
  /** document type, or value set */
  name: string;
  /** record key, or the value to be mapped */
  key: string;
  since: string;
  /** how many deliveries wait for the same, this one included */
  waiting: number;
  /** where the awaited record stands in the same target, newest first */
  awaited?: { deliveryId: string; status: string; errorClass?: string };
}

interface HoldRow {
  delivery_id: bigint;
  kind: 'reference' | 'value';
  name: string;
  key: string;
  since: Date;
  waiting: number;
  awaited_id: bigint | null;
  awaited_status: string | null;
  awaited_class: string | null;
}

/** `order by since`: what has been missing longest is the cause to look at first. */
const SQL = `
  select w.delivery_id, p.kind, p.name, p.key, w.since,
    (select count(*)::int from dependency_wait o where o.dependency_id = p.id) as waiting,
    a.id as awaited_id, a.status as awaited_status, a.error_class as awaited_class
  from dependency_wait w
  join dependency p on p.id = w.dependency_id
  left join lateral (
    select d.id, d.status, d.error_class from delivery d
    where p.kind = 'reference' and d.key = p.key and d.connection = p.connection and d.document = p.name
    order by d.id desc limit 1
  ) as a on true
  where w.delivery_id = any($1::bigint[]) and p.bound_at is null
  order by w.delivery_id, w.since`;

export async function explainHolds(db: Queryable, deliveries: readonly bigint[]): Promise<Map<bigint, Hold[]>> {
  const found = new Map<bigint, Hold[]>();
  if (deliveries.length === 0) return found;
  for (const row of await db.query<HoldRow>(SQL, [deliveries])) {
    const holds = found.get(row.delivery_id) ?? [];
    holds.push({
      kind: row.kind,
      name: row.name,
      key: row.key,
      since: iso(row.since)!,
      waiting: row.waiting,
      awaited:
        row.awaited_id === null
          ? undefined
          : {
              deliveryId: String(row.awaited_id),
              status: row.awaited_status!,
              errorClass: row.awaited_class ?? undefined,
            },
    });
    found.set(row.delivery_id, holds);
  }
  return found;
}
