import type { Connection } from '#contracts';
import { iso } from '../api/json.ts';
import type { ConnectionState } from './connection-states.ts';

/** One connection as the status shows it; `reason` says in words why it takes less than usual, or nothing. */
export function connectionStatus({ name, connector, side, budget }: Connection, row: ConnectionState | undefined) {
  const quota = quotaOf(budget, row);
  return {
    name,
    connector,
    side,
    state: row?.state ?? 'active',
    breaker: side === 'target' ? (row?.breaker ?? 'closed') : undefined,
    heldUntil: iso(row?.held_until),
    requestsPerMinute: row?.rate ?? budget.requestsPerMinute,
    throttled: row?.rate === null || row?.rate === undefined ? undefined : true,
    quota,
    reason: row?.reason ?? reasonOf(row, quota),
  };
}

type Quota = NonNullable<ReturnType<typeof quotaOf>>;

function quotaOf({ dailyQuota, reserve = 0 }: Connection['budget'], row: ConnectionState | undefined) {
  if (dailyQuota === undefined) return undefined;
  const used = row?.quota_used ?? 0;
  return {
    daily: dailyQuota,
    reserve,
    used,
    usedUp: used >= dailyQuota - reserve,
    resetsAt: iso(row?.quota_resets_at),
  };
}

function reasonOf(row: ConnectionState | undefined, quota: Quota | undefined): string | undefined {
  if (quota?.usedUp) {
    const kept = quota.used < quota.daily ? `, ${quota.daily - quota.used} are kept for what people order` : '';
    return `the daily quota of ${quota.daily} requests is used up until ${quota.resetsAt}${kept}`;
  }
  if (row?.held_until) return `asked to slow down: nothing is sent until ${iso(row.held_until)}`;
  if (row && row.rate !== null) return `asked to slow down: ${row.rate.toFixed(0)} requests per minute, rising again`;
  return undefined;
}

/** What of a day's quota is left for deliveries; undefined where there is none. */
export const quotaLeft = ({ dailyQuota, reserve = 0 }: Connection['budget'], row: ConnectionState | undefined) =>
  dailyQuota === undefined ? undefined : Math.max(0, dailyQuota - reserve - (row?.quota_used ?? 0));
