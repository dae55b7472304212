import type { Queryable } from '#db';
import { iso, money } from '../api/json.ts';
import { UNFINISHED_SQL } from '../status/unfinished.ts';

interface GroupRow {
  target: string;
  error_class: string | null;
  message: string;
  count: number;
  keys: number;
  flows: string[];
  statuses: Record<string, number>;
  first_at: Date;
  last_at: Date;
  amounts: { currency: string; amount: string }[] | null;
  sample_id: bigint;
  sample_key: string;
  sample_error: string | null;
}

/** Ids, numbers and quoted text tell records apart, not causes; the status that a target answered is a cause. */
const NUMBERED = `'(?<!answered |HTTP )(?<![^[:space:]])[^[:space:]]*[0-9][^[:space:]]*'`;
const NORMALISED = `
  regexp_replace(regexp_replace(regexp_replace(coalesce(d.error, d.review, ''),
    '[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}', '…', 'g'),
    '"[^"]*"|''[^'']*''|\`[^\`]*\`', '…', 'g'),
    ${NUMBERED}, '…', 'g')`;

/**
 * What went wrong and is not finished, by cause. Reads the partial index of unfinished deliveries. `order by count`: the
 * cause behind most records first.
 */
const SQL = `
  with failed as (
    select d.*, ${NORMALISED} as message from delivery d
    where ${UNFINISHED_SQL} and (d.error_class is not null or d.status in ('PARKED', 'DEAD', 'HELD_REVIEW'))
  ), grouped as (
    select connection as target, error_class, message, count(*)::int as count, count(distinct key)::int as keys,
      array_agg(distinct flow) as flows, min(changed_at) as first_at, max(changed_at) as last_at, max(id) as sample_id
    from failed group by connection, error_class, message
    order by count(*) desc, max(id) desc limit 200
  )
  select g.*, s.key as sample_key, s.error as sample_error,
    (select jsonb_object_agg(status, n) from (
      select f.status, count(*) as n from failed f
      where f.connection = g.target and f.error_class is not distinct from g.error_class and f.message = g.message group by f.status
    ) as by_status) as statuses,
    (select jsonb_agg(jsonb_build_object('currency', currency, 'amount', amount) order by currency) from (
      select f.currency, trim_scale(sum(f.amount))::text as amount from failed f
      where f.connection = g.target and f.error_class is not distinct from g.error_class and f.message = g.message
        and f.currency is not null group by f.currency
    ) as by_currency) as amounts
  from grouped g join delivery s on s.id = g.sample_id
  order by g.count desc, g.sample_id desc`;

export type FailureGroup = ReturnType<typeof groupOf>;

export async function failureGroups(db: Queryable): Promise<FailureGroup[]> {
  return (await db.query<GroupRow>(SQL)).map(groupOf);
}

function groupOf(row: GroupRow) {
  return {
    target: row.target,
    errorClass: row.error_class,
    message: row.message,
    count: row.count,
    keys: row.keys,
    flows: row.flows,
    statuses: row.statuses,
    firstSeenAt: iso(row.first_at)!,
    lastSeenAt: iso(row.last_at)!,
    amounts: (row.amounts ?? []).map(({ currency, amount }) => ({ currency, amount: money(amount) })),
    fixedBy: fixedBy(row.error_class),
    sample: { deliveryId: String(row.sample_id), key: row.sample_key, error: row.sample_error ?? undefined },
  };
}

/** Who can do something about it. */
function fixedBy(errorClass: string | null): 'operations' | 'finance' | 'CRM admin' | 'developer' {
  switch (errorClass) {
    case 'MISSING_REFERENCE':
    case 'VALUE':
    case 'DUPLICATE':
      return 'CRM admin';
    case 'CLOSED_PERIOD':
    case 'CREDIT':
      return 'finance';
    case 'MAPPING':
    case 'PARSE':
    case 'TOO_LARGE':
      return 'developer';
    default:
      return 'operations';
  }
}

/** What capture could not make an event of, by reason. */
const CAPTURED = `
  select connection, code, regexp_replace(coalesce(reason, ''), ${NUMBERED}, '…', 'g') as message,
    count(*)::int as count, min(captured_at) as first_at, max(captured_at) as last_at, max(id) as sample
  from captured where status = 'rejected' group by 1, 2, 3 order by count(*) desc limit 200`;

/** What a stage could not read, by reason. */
const DEAD = `
  select topic, stage, regexp_replace(reason, ${NUMBERED}, '…', 'g') as message, count(*)::int as count,
    min(stored_at) as first_at, max(stored_at) as last_at
  from dead_letter group by 1, 2, 3 order by count(*) desc limit 200`;

export async function otherFailures(db: Queryable) {
  const captured = await db.query<{
    connection: string;
    code: string;
    message: string;
    count: number;
    first_at: Date;
    last_at: Date;
    sample: bigint;
  }>(CAPTURED);
  const dead = await db.query<{
    topic: string;
    stage: string;
    message: string;
    count: number;
    first_at: Date;
    last_at: Date;
  }>(DEAD);
  return {
    captured: captured.map(({ first_at, last_at, sample, ...row }) => ({
      ...row,
      firstSeenAt: iso(first_at)!,
      lastSeenAt: iso(last_at)!,
      sample: { capturedId: String(sample) },
    })),
    deadLetters: dead.map(({ first_at, last_at, ...row }) => ({
      ...row,
      firstSeenAt: iso(first_at)!,
      lastSeenAt: iso(last_at)!,
    })),
  };
}
