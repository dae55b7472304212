import type { Queryable } from '#db';
import { iso } from '../api/json.ts';
import { badFilter, storable } from '../api/query.ts';

export interface XrefFilter {
  connection?: string;
  document?: string;
  key?: string;
  targetId?: string;
  /** `next` of the page before */
  after?: string;
  limit: number;
}

export interface XrefRow {
  connection: string;
  document: string;
  key: string;
  target_id: string;
  bound_at: Date;
  bound_by: string;
}

/** `order by` the primary key: a page continues where the last one ended. */
const SQL = `
  select connection, document, key, target_id, bound_at, bound_by from xref
  where ($1::text is null or connection = $1) and ($2::text is null or document = $2) and ($3::text is null or key = $3)
    and ($4::text is null or target_id = $4) and (connection, document, key) > ($5, $6, $7)
  order by connection, document, key limit $8`;

export async function xrefPage(db: Queryable, filter: XrefFilter): Promise<{ rows: XrefRow[]; next?: string }> {
  const rows = await db.query<XrefRow>(SQL, [
    filter.connection ?? null,
    filter.document ?? null,
    filter.key ?? null,
    filter.targetId ?? null,
    ...afterOf(filter.after),
    filter.limit + 1,
  ]);
  const page = rows.slice(0, filter.limit);
  const last = rows.length > filter.limit ? page.at(-1)! : undefined;
  return { rows: page, next: last && JSON.stringify([last.connection, last.document, last.key]) };
}

export function xrefItem(row: XrefRow) {
  return {
    connection: row.connection,
    document: row.document,
    key: row.key,
    targetId: row.target_id,
    boundAt: iso(row.bound_at)!,
    boundBy: row.bound_by,
  };
}

function afterOf(text: string | undefined): [string, string, string] {
  if (text === undefined) return ['', '', ''];
  try {
    const parts: unknown = JSON.parse(text);
    if (Array.isArray(parts) && parts.length === 3 && parts.every((part) => typeof part === 'string' && storable(part)))
      return parts as [string, string, string];
  } catch {
    // said below
  }
  throw badFilter('"after" is not the "next" of a page');
}
