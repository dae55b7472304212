import type { Queryable } from '#db';
import { iso, long, opt } from '../api/json.ts';

export interface CapturedFilter {
  status?: string;
  connection?: string;
  after?: bigint;
  limit: number;
}

export interface CapturedRow {
  id: bigint;
  receipt_id: string;
  connection: string;
  source_event_id: string;
  type: string;
  entity: string;
  record_id: string;
  key: string;
  aggregate_version: bigint;
  source_version: bigint | null;
  event_id: string;
  captured_at: Date;
  status: 'waiting' | 'published' | 'rejected' | 'dismissed';
  code: string | null;
  reason: string | null;
  decided_at: Date | null;
  conflicts: number;
}

const COLUMNS = `
  c.id, c.receipt_id, c.connection, c.source_event_id, c.type, c.entity, c.record_id, c.key, c.aggregate_version, c.source_version,
  c.event_id, c.captured_at, c.status, c.code, c.reason, c.decided_at,
  (select count(*)::int from captured_conflict x where x.captured_id = c.id) as conflicts`;

/**
 * Newest first by id, which is the order of arrival. The status stands in the text, not in a parameter, so that the partial
 * index of rejected rows is seen.
 */
export async function capturedPage(
  db: Queryable,
  filter: CapturedFilter,
): Promise<{ rows: CapturedRow[]; next?: bigint }> {
  const status = filter.status === undefined ? '' : `c.status = '${STATUS[filter.status]!}' and`;
  const rows = await db.query<CapturedRow>(
    `select ${COLUMNS} from captured c
     where ${status} ($1::text is null or c.connection = $1) and ($2::bigint is null or c.id < $2)
     order by c.id desc limit $3`,
    [filter.connection ?? null, filter.after ?? null, filter.limit + 1],
  );
  const page = rows.slice(0, filter.limit);
  return { rows: page, next: rows.length > filter.limit ? page.at(-1)!.id : undefined };
}

const STATUS: Readonly<Record<string, string>> = {
  waiting: 'waiting',
  published: 'published',
  rejected: 'rejected',
  dismissed: 'dismissed',
};

export type CapturedItem = ReturnType<typeof capturedItem>;

export function capturedItem(row: CapturedRow) {
  return {
    id: String(row.id),
    receiptId: row.receipt_id,
    connection: row.connection,
    sourceEventId: row.source_event_id,
    type: row.type,
    entity: row.entity,
    recordId: row.record_id,
    key: row.key,
    aggregateVersion: String(row.aggregate_version),
    sourceVersion: long(row.source_version),
    eventId: row.event_id,
    receivedAt: iso(row.captured_at)!,
    status: row.status,
    code: opt(row.code),
    reason: opt(row.reason),
    decidedAt: iso(row.decided_at),
    conflicts: row.conflicts || undefined,
  };
}
