import type { Queryable, Statement } from '#db';

const FIND: Statement = {
  name: 'xref-find',
  text: `
select x.document, x.key, x.target_id
  from (select distinct * from unnest($2::text[], $3::text[]) as q(document, key)) q
  -- offset 0: by its key for each row, whatever the statistics of a young table say
  cross join lateral (
    select document, key, target_id from xref where connection = $1 and document = q.document and key = q.key offset 0
  ) x`,
};

/** The ids of records at one connection, in the order asked; undefined where none is bound. One statement for all of them. */
export async function find(
  db: Queryable,
  connection: string,
  records: readonly { document: string; key: string }[],
): Promise<(string | undefined)[]> {
  if (records.length === 0) return [];
  const rows = await db.query<{ document: string; key: string; target_id: string }>(FIND, [
    connection,
    records.map((record) => record.document),
    records.map((record) => record.key),
  ]);
  const known = new Map(rows.map((row) => [`${row.document} ${row.key}`, row.target_id]));
  return records.map((record) => known.get(`${record.document} ${record.key}`));
}
