import type { Queryable } from '#db';

const REVISION = `
  select d.id, d.revision, r.kind, r.origin, r.body, r.open from delivery d
  join revision r on r.delivery_id = d.id and r.n = d.revision where d.id = $1`;

interface RevisionRow {
  id: bigint;
  revision: number;
  kind: string;
  origin: string;
  body: string | null;
  open: unknown;
}

/** The document that delivery `id` sends, as JSON text, because its digits must not pass through a JavaScript number. */
export async function documentText(db: Queryable, id: bigint): Promise<string | undefined> {
  const [row] = await db.query<RevisionRow>(REVISION, [id]);
  if (row === undefined) return undefined;
  const { revision, kind, origin, open } = row;
  const front = JSON.stringify({ id: String(row.id), revision, kind, origin, open });
  return `${front.slice(0, -1)},"document":${row.body ?? 'null'}}`;
}
