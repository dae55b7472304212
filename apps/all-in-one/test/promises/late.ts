import { run, type RunResult } from './run.ts';
import type { World, WorldOptions } from './world.ts';

/** The breaker stays out of it: every call is one of those that time out. */
const patience = (timeout: string, settle: string): WorldOptions => ({
  home: [
    ['timeout: 1s', `timeout: ${timeout}`],
    ['settle: 3s', `settle: ${settle}`],
    ['concurrency: 8', 'concurrency: 32'],
    ['allowPrivate: true', 'allowPrivate: true\n    breaker: { minimum: 10000 }'],
  ],
});

/** An answer is waited for 1 s; the ERP books an order 5 s after we gave up, well within the settle time. */
export const LATE_BY_FIVE_SECONDS = { options: patience('1s', '10s'), afterMs: 6_000 };

/** The same ten times as fast: waited for 0.5 s, booked 0.5 s later, a settle time of 1 s. */
export const TEN_TIMES_AS_FAST = patience('500ms', '1s');
export const WITHIN_SETTLE_MS = 1_000;
/** Long after the second empty look, which comes with the end of the settle time. */
export const BEYOND_SETTLE_MS = 4_000;

/** Orders that the ERP books so long after they were sent, `times` of them or all. Others and what is sent again it books at once. */
export function bookedLate(
  world: World,
  { seed, orders, afterMs, times }: { seed: number; orders: number; afterMs: number; times?: number },
): Promise<RunResult> {
  const rule = { match: { method: 'POST', path: '^/sales-orders$' }, effect: { kind: 'apply-late', afterMs } };
  const trouble = { name: 'booked late', rows: 'F43', plan: () => [{ ...rule, ...(times && { times }) }] };
  return run(world, {
    seed,
    customers: Math.ceil(orders / 25),
    orders,
    versions: 1,
    refused: 0,
    troubles: [trouble],
    sickForMs: afterMs,
    settlesWithinMs: 60_000 + orders * 100,
  });
}

/** How often an order was created in the ERP by a run, all orders together. */
export const created = ({ history }: RunResult): number =>
  history.effects.filter(({ document, operation }) => document === 'salesOrder' && operation === 'create').length;
