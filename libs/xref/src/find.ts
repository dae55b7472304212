import type { Queryable, Statement } from '#db';

const FIND: Statement = {
  name: 'xref-find',
  text: `
select x.document, x.key, x.target_id
  from (select distinct * from unnest($2::text[], $3::text[]) as q(document, key)) q
  join xref x on x.connection = $1 and x.document = q.document and x.key = q.key`,
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
