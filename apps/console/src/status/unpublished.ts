import type { Queryable } from '#db';

const SQL = `select count(*)::int as count from outbox_unpublished`;

/** Outbox rows that are not in the log. */
export async function unpublished(db: Queryable): Promise<number> {
  const [row] = await db.query<{ count: number }>(SQL);
  return row!.count;
}

/**
 * Whether one outbox id is still with the relay, as a condition: above its cursor, in one of its gaps, or set aside. The
 * view says the same as a set, which the planner cannot look into by id when it is large.
 */
export const unpublishedSql = (id: string): string => `(
  exists (select 1 from relay_cursor r where ${id} > r.high or exists (
    select 1 from jsonb_array_elements(r.gaps) as gap
    where ${id} between (gap->>'from')::bigint and (gap->>'to')::bigint))
  or exists (select 1 from relay_set_aside a where a.id = ${id} and a.published_at is null))`;
