import { storable, type Connection, type FindResult, type Target } from '#contracts';
import type { Logger, Metrics } from '#platform';
import type { Lane, Prepared } from '../core/lane.ts';
import type { Context, Told } from '../core/settlement.ts';
import type { Window } from '../restore/look-before-create.ts';
import type { Guard } from './guard.ts';
import type { Work } from './prepare.ts';
import type { Recorder } from './recorder.ts';
import type { Slots } from './slots.ts';
import type { Store } from './store.ts';

/** What whoever handles one lane of a connection works with. */
export interface Desk {
  store: Store;
  recorder: Recorder;
  connection: Connection;
  target: Target;
  /** undefined: nothing watches for restores */
  restore?: Window | undefined;
  metrics: Metrics;
  log: Logger;
  guard: Guard;
  slots: Slots;
  /** how often credentials that were refused are tried, ms */
  reauthMs: number;
  /** asks for the permit of a look; false: none today, and the lane was given back */
  mayLook(lane: Pick<Lane, 'id' | 'token'>): Promise<boolean>;
  /** counts a request that belongs to another one */
  charge(): Promise<void>;
  /** the lane is due again in so many ms; null: when something wakes it */
  wakeIn(ms: number | null): void;
}

/** A request decided on and not yet written down. */
export interface Sendable {
  work: Work;
  request: Prepared;
  /** a second empty look says that the earlier ones did not happen: closed with the attempt row */
  absent: boolean;
  /** monotonic ms: not begun by then, it is decided anew, for its key may have ended; undefined: it keeps */
  until?: number | undefined;
}

export const contextOf = (
  { connection, reauthMs }: Desk,
  work: Work,
  request: Prepared,
  doubtful: boolean,
  told: Told = 'first',
): Context => ({
  lane: work.lane,
  delivery: work.delivery,
  declaration: work.declaration,
  request,
  ladder: connection.retry,
  doubtful,
  more: work.more,
  told,
  reauthMs,
  chance: Math.random(),
});

/** What was asked and answered, and when; kept with the attempt. */
export const evidenceOf = (answer: FindResult): unknown => ({
  at: new Date().toISOString(),
  found: answer.found,
  asked: storable(answer.evidence),
  ...(answer.found === 'one' ? { targetId: answer.targetId, requestKeyMatches: answer.requestKeyMatches } : {}),
});

/** A connection's state that cannot be read or written must not lose the outcome of a request: said, and gone on without. */
export const spare = <T>({ log, connection }: Desk, work: Promise<T>): Promise<T | undefined> =>
  work.catch((cause: unknown) => {
    log.warn({ err: cause }, `${connection.name}: reading or writing its state failed`);
    return undefined;
  });
