import { getJson } from './product.ts';

/** The shapes of `GET /api/v1/records/{entity}/{id}` and `/status` that the tests look at (configuration.md section 5). */
export interface RecordTimeline {
  entity: string;
  id: string;
  events: {
    id: string;
    type: string;
    aggregateVersion: string;
    receivedAt: string;
    publishedAt?: string;
    topic?: string;
    partition?: number;
    offset?: string;
    deliveries: {
      flow: string;
      target: string;
      document: string;
      status: string;
      waitingFor?: unknown;
      review?: string;
      hops?: number;
      targetId?: string;
      attempts: { n: number; outcome: string; httpStatus?: number }[];
    }[];
  }[];
  writtenBack: { flow: string; status: string; targetId?: string }[];
}

export interface Status {
  flows: {
    name: string;
    accepted: number;
    finished: Record<string, number>;
    unfinished: Record<string, number>;
    difference: number;
    lagSeconds: { p50: number; p95: number; p99: number };
  }[];
  connections: { name: string; state: string; breaker: string }[];
  capture: { received: number; published: number; rejected: number; pending: number };
  outbox: { unpublished: number };
}

export const timeline = (url: string, entity: string, id: string): Promise<RecordTimeline> =>
  getJson<RecordTimeline>(`${url}/api/v1/records/${entity}/${encodeURIComponent(id)}`);
export const status = (url: string): Promise<Status> => getJson<Status>(`${url}/api/v1/status`);

export const sum = (counts: Record<string, number>): number =>
  Object.values(counts).reduce((total, count) => total + count, 0);
const flowOf = (answer: Status, name: string): Status['flows'][number] =>
  answer.flows.find((flow) => flow.name === name)!;
export const accepted = (answer: Status, name: string): number => flowOf(answer, name).accepted;
export const delivered = (answer: Status, name: string): number => flowOf(answer, name).finished['delivered'] ?? 0;
export const ordersAccepted = (answer: Status): number => accepted(answer, 'orders');
/** Everything accepted is finished, and nothing is missing. Also before the first event came: ask for what was accepted, too. */
export const settled = (answer: Status): boolean =>
  answer.capture.pending === 0 &&
  answer.outbox.unpublished === 0 &&
  answer.flows.every((flow) => sum(flow.unfinished) === 0 && flow.difference === 0);
/** What the sandbox's CRM made went through every flow, the write-back among them. */
export const wentThrough = (answer: Status): boolean =>
  settled(answer) && answer.flows.every((flow) => flow.accepted > 0);

/** What waits for a person or for a record that never came does not change for so long; what is on its way does. */
const REST_MS = 4_000;
/**
 * The same where something has its turn still before it: behind what waits (also a retry whose time is over, when a newer
 * version of its record is in doubt), or in a log whose readers are still finding each other after a crash. Retries are seconds apart.
 */
const PENDING_REST_MS = 90_000;

/** Nothing moves by itself any more: all is finished, or what is not has stopped changing. */
export function atRest(): (answer: Status) => boolean {
  let last = '';
  let since = 0;
  return (answer) => {
    if (settled(answer)) return true;
    const { capture, outbox, flows } = answer;
    const moving = flows.some(
      ({ unfinished, difference }) => unfinished['inFlight']! + unfinished['unknown']! > 0 || difference !== 0,
    );
    const now = JSON.stringify(flows.map(({ finished, unfinished }) => [finished, unfinished]));
    if (moving || capture.pending > 0 || outbox.unpublished > 0 || now !== last) {
      last = now;
      since = performance.now();
      return false;
    }
    const pending = flows.some(({ unfinished }) => unfinished['pending']! + unfinished['retryWait']! > 0);
    return performance.now() - since > (pending ? PENDING_REST_MS : REST_MS);
  };
}
