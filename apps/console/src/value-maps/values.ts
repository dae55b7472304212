import type { Queryable } from '#db';

/** What holds for the connection; its own values win over those for all. `order by connection`: '' comes first. */
const VALUES = `
  select from_value, to_value from value_map where set = $1 and connection in ($2, '') order by connection, from_value`;

export async function valuesOf(db: Queryable, set: string, connection: string): Promise<Record<string, string>> {
  const rows = await db.query<{ from_value: string; to_value: string }>(VALUES, [set, connection]);
  return Object.fromEntries(rows.map((row) => [row.from_value, row.to_value]));
}

export interface OpenValue {
  value: string;
  waiting: number;
  since: Date;
}

/** Values that deliveries wait for; without a connection, those of all. `order by waiting`: the most wanted first. */
const OPEN = `
  select p.key as value, count(*)::int as waiting, min(w.since) as since
  from dependency p join dependency_wait w on w.dependency_id = p.id
  where p.kind = 'value' and p.name = $1 and ($2 = '' or p.connection = $2)
  group by p.key order by waiting desc, p.key limit 1000`;

export const openValues = (db: Queryable, set: string, connection: string): Promise<OpenValue[]> =>
  db.query<OpenValue>(OPEN, [set, connection]);
