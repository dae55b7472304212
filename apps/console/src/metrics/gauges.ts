import { Decimal, type Configuration, type DeliveryStatus } from '#contracts';
import type { Metrics } from '#platform';
import type { StatusFacts } from '../status/assemble.ts';
import { quotaLeft } from '../status/connection-status.ts';

const OLDEST_STATES = ['moving', 'held', 'parked', 'unknown'] as const;
type OldestState = (typeof OLDEST_STATES)[number];

/** Sets every gauge that is read from the tables. */
export function setGauges(metrics: Metrics, configuration: Configuration, facts: StatusFacts): void {
  setOldest(metrics, configuration, facts);
  metrics.set('syncInFlight', { stage: 'captured' }, facts.capture.pending);
  metrics.set('syncInFlight', { stage: 'outbox' }, facts.unpublished);
  metrics.set('syncInFlight', { stage: 'log' }, count(facts.fates.filter(({ unpublished }) => !unpublished)));
  metrics.set('syncInFlight', { stage: 'delivery' }, count(facts.unfinished));
  metrics.set('outboxUnpublished', {}, facts.unpublished);
  setUnsynced(metrics, facts);
  metrics.reset('deliveries');
  for (const { flow, status, count: n } of totals(facts)) metrics.set('deliveries', { flow, status }, n);
  const states = new Map(facts.connections.map((row) => [row.connection, row]));
  for (const { name, side, budget } of configuration.connections.values()) {
    if (side !== 'target') continue;
    const row = states.get(name);
    const left = quotaLeft(budget, row);
    if (left !== undefined) metrics.set('quotaLeft', { connection: name }, left);
    metrics.set('connectionThrottled', { connection: name }, row === undefined || row.rate === null ? 0 : 1);
    metrics.set('connectionRate', { connection: name }, row?.rate ?? budget.requestsPerMinute ?? Infinity);
    metrics.set('breakerOpen', { connection: name }, row === undefined || row.breaker === 'closed' ? 0 : 1);
    metrics.set('connectionActive', { connection: name }, row === undefined || row.state === 'active' ? 1 : 0);
    metrics.set('credentialsRefused', { connection: name }, row?.state === 'needs_reauth' ? 1 : 0);
  }
}

/** A timestamp, not an age: a scrape that is late does not make it younger. 0 where there is none. */
function setOldest(metrics: Metrics, configuration: Configuration, facts: StatusFacts): void {
  const oldest = new Map<string, number>();
  const see = (flow: string, state: OldestState, at: Date): void => {
    const key = `${flow}\n${state}`;
    oldest.set(key, Math.min(oldest.get(key) ?? Infinity, at.getTime() / 1_000));
  };
  for (const row of facts.waiting) see(row.flow, 'moving', row.oldest);
  for (const row of facts.fates) see(row.flow, row.fate === 'dead' ? 'parked' : 'moving', row.oldest);
  for (const row of facts.unfinished) see(row.flow, stateOf(row.status), row.oldest);
  for (const flow of configuration.flows.keys())
    for (const state of OLDEST_STATES) metrics.set('syncOldest', { flow, state }, oldest.get(`${flow}\n${state}`) ?? 0);
}

function stateOf(status: DeliveryStatus): OldestState {
  if (status.startsWith('HELD_')) return 'held';
  if (status === 'PARKED' || status === 'DEAD') return 'parked';
  return status === 'UNKNOWN' ? 'unknown' : 'moving';
}

function setUnsynced(metrics: Metrics, facts: StatusFacts): void {
  const amounts = new Map<string, { flow: string; currency: string; age: string; amount: Decimal }>();
  for (const { flow, currency, age, amount } of facts.unfinished) {
    if (currency === null || amount === null) continue;
    const key = `${flow}\n${currency}\n${age}`;
    const known = amounts.get(key)?.amount ?? new Decimal(0);
    amounts.set(key, { flow, currency, age, amount: known.plus(amount) });
  }
  metrics.reset('unsynced');
  for (const { amount, ...labels } of amounts.values()) metrics.set('unsynced', labels, amount.toNumber());
}

function totals(facts: StatusFacts): { flow: string; status: string; count: number }[] {
  const found = new Map<string, { flow: string; status: string; count: number }>();
  for (const { flow, status, count: n } of facts.unfinished) {
    const known = found.get(`${flow}\n${status}`)?.count ?? 0;
    found.set(`${flow}\n${status}`, { flow, status, count: known + n });
  }
  return [...found.values()];
}

const count = (rows: readonly { count: number }[]): number => rows.reduce((total, row) => total + row.count, 0);
