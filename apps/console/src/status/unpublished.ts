import type { Queryable } from '#db';

const SQL = `select count(*)::int as count from outbox_unpublished`;

/** Outbox rows that are not in the log. */
export async function unpublished(db: Queryable): Promise<number> {
  const [row] = await db.query<{ count: number }>(SQL);
  return row!.count;
}
