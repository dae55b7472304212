import type { Outcome } from '#contracts';
import type { Queryable } from '#db';
import { iso, opt } from '../api/json.ts';

interface AttemptRow {
  delivery_id: bigint;
  n: number;
  revision: number;
  operation: string;
  request_key: string;
  started_at: Date;
  ended_at: Date | null;
  outcome: Outcome | 'not-sent' | null;
  doubt: 'open' | 'happened' | 'absent' | 'person' | null;
  error_class: string | null;
  error: string | null;
  http_status: number | null;
  evidence: unknown[];
}

/** `order by n` is the order in which they were made. Bodies stay where they are: they may hold personal data. */
const SQL = `
  select delivery_id, n, revision, operation, request_key, started_at, ended_at, outcome, doubt, error_class, error, http_status, evidence
  from attempt where delivery_id = any($1::bigint[]) order by delivery_id, n`;

export type AttemptItem = ReturnType<typeof attemptItem>;

/** The attempts of some deliveries, by delivery id. */
export async function attemptsOf(db: Queryable, deliveries: readonly bigint[]): Promise<Map<bigint, AttemptItem[]>> {
  const found = new Map<bigint, AttemptItem[]>(deliveries.map((id) => [id, []]));
  if (deliveries.length === 0) return found;
  for (const row of await db.query<AttemptRow>(SQL, [deliveries])) found.get(row.delivery_id)?.push(attemptItem(row));
  return found;
}

function attemptItem(row: AttemptRow) {
  return {
    n: row.n,
    startedAt: iso(row.started_at)!,
    endedAt: iso(row.ended_at),
    outcome: row.outcome ?? 'open',
    httpStatus: opt(row.http_status),
    evidence: row.evidence.length > 0 ? row.evidence : undefined,
    operation: row.operation,
    requestKey: row.request_key,
    revision: row.revision,
    doubt: opt(row.doubt),
    errorClass: opt(row.error_class),
    error: opt(row.error),
  };
}
