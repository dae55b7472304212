import { Decimal, finishedWord, type Configuration, type DeliveryStatus, type FinishedWord } from '#contracts';
import { iso, money } from '../api/json.ts';
import type { CaptureCounts } from './capture-counts.ts';
import { connectionStatus } from './connection-status.ts';
import type { ConnectionState } from './connection-states.ts';
import type { DeliveryCount } from './delivery-counts.ts';
import type { Fate } from './event-fates.ts';
import type { RecentLag } from './recent-lag.ts';
import type { Unfinished } from './unfinished.ts';
import type { WaitingCaptures } from './waiting-captures.ts';

type UnfinishedWord = 'pending' | 'held' | 'inFlight' | 'retryWait' | 'unknown' | 'parked' | 'dead';

/** Everything one snapshot showed. */
export interface StatusFacts {
  takenIn: readonly { flow: string; count: number }[];
  deliveries: readonly DeliveryCount[];
  fates: readonly Fate[];
  waiting: readonly WaitingCaptures[];
  unfinished: readonly Unfinished[];
  lag: readonly RecentLag[];
  connections: readonly ConnectionState[];
  flows: readonly { flow: string; state: 'running' | 'paused' }[];
  capture: CaptureCounts;
  unpublished: number;
  /** document type by flow */
  documents: ReadonlyMap<string, string>;
}

export type FlowStatus = ReturnType<typeof flowStatus>;
export type Status = ReturnType<typeof assembleStatus>;

/**
 * `GET /api/v1/status`. Accepted is counted by intake's ledger and the events that have not reached it; finished and
 * unfinished by the deliveries: a delivery that vanished shows as a difference.
 */
export function assembleStatus(configuration: Configuration, facts: StatusFacts) {
  const states = new Map(facts.connections.map((row) => [row.connection, row]));
  return {
    flows: [...configuration.flows.keys()].map((name) => flowStatus(name, configuration, facts)),
    connections: [...configuration.connections.values()].map((connection) =>
      connectionStatus(connection, states.get(connection.name)),
    ),
    capture: facts.capture,
    outbox: { unpublished: facts.unpublished },
  };
}

function flowStatus(name: string, configuration: Configuration, facts: StatusFacts) {
  const flow = configuration.flows.get(name)!;
  const mine = <Row extends { flow: string }>(rows: readonly Row[]): Row[] => rows.filter((row) => row.flow === name);
  const fates = mine(facts.fates);
  const waiting = mine(facts.waiting);
  const open = mine(facts.unfinished);
  const finished: Record<FinishedWord, number> = {
    delivered: 0,
    duplicate: 0,
    ignored: 0,
    skipped: 0,
    superseded: 0,
    resolved: 0,
    cancelled: 0,
  };
  const unfinished: Record<UnfinishedWord, number> = {
    pending: count(waiting) + count(fates.filter(({ fate }) => fate === 'pending')),
    held: 0,
    inFlight: 0,
    retryWait: 0,
    unknown: 0,
    parked: 0,
    dead: count(fates.filter(({ fate }) => fate === 'dead')),
  };
  const onTheWay = unfinished.pending + unfinished.dead;
  for (const row of mine(facts.deliveries)) {
    const word = wordOf(row.status, row.adopted);
    if (word in finished) finished[word as FinishedWord] += row.count;
    else unfinished[word as UnfinishedWord] += row.count;
  }
  const accepted = count(mine(facts.takenIn)) + onTheWay;
  const [lag] = mine(facts.lag);
  return {
    name,
    entity: flow.entity,
    target: flow.to,
    document: facts.documents.get(name),
    state: mine(facts.flows)[0]?.state ?? 'running',
    accepted,
    finished,
    unfinished,
    difference: accepted - sum(finished) - sum(unfinished),
    oldestUnfinishedAt: iso(earliest([...waiting, ...fates, ...open].map(({ oldest }) => oldest))) ?? null,
    lagSeconds: lag ? { p50: lag.lag[0], p95: lag.lag[1], p99: lag.lag[2] } : { p50: null, p95: null, p99: null },
    unsynced: byCurrency(open),
  };
}

/** The word of the status answer. */
export function wordOf(status: DeliveryStatus, adopted: boolean): FinishedWord | UnfinishedWord {
  return finishedWord(status, adopted) ?? unfinishedWord(status);
}

function unfinishedWord(status: DeliveryStatus): UnfinishedWord {
  switch (status) {
    case 'PENDING':
      return 'pending';
    case 'IN_FLIGHT':
      return 'inFlight';
    case 'RETRY_WAIT':
      return 'retryWait';
    case 'UNKNOWN':
      return 'unknown';
    case 'PARKED':
      return 'parked';
    case 'DEAD':
      return 'dead';
    default:
      return 'held';
  }
}

/** What is not delivered, in money; events that are not mapped yet have no value yet. */
function byCurrency(open: readonly Unfinished[]): { currency: string; amount: string }[] {
  const amounts = new Map<string, Decimal>();
  for (const { currency, amount } of open)
    if (currency !== null && amount !== null)
      amounts.set(currency, (amounts.get(currency) ?? new Decimal(0)).plus(amount));
  return [...amounts]
    .toSorted(([a], [b]) => a.localeCompare(b))
    .map(([currency, amount]) => ({ currency, amount: money(amount) }));
}

const count = (rows: readonly { count: number }[]): number => rows.reduce((total, row) => total + row.count, 0);
const sum = (words: Record<string, number>): number => Object.values(words).reduce((total, n) => total + n, 0);
const earliest = (times: readonly Date[]): Date | undefined =>
  times.reduce<Date | undefined>((least, at) => (least === undefined || at < least ? at : least), undefined);
