import type { Connection, ProbeResult, Target } from '#contracts';
import type { Database } from '#db';
import { createMeter, type Meter } from '#http';
import type { Logger } from '#platform';
import {
  AFTER_THE_OTHERS,
  BRING_FORWARD,
  CLOSE_BREAKER,
  HALF_OPEN,
  NEED_REAUTH,
  OPEN_BREAKER,
  POSTPONE_PROBE,
  READ_CONNECTION,
  REAUTHENTICATED,
  REOPEN_BREAKER,
  TAKE_PROBE,
  type ConnectionRow,
} from '../sql/connection.ts';
import { THROTTLE } from '../sql/budget.ts';
import type { Budget } from './budget.ts';

export interface GuardOptions {
  database: Database;
  connection: Connection;
  target: Target;
  budget: Budget;
  holder: string;
  log: Logger;
  /** how often credentials that were refused are tried, ms */
  reauthMs: number;
  /** how long a throttled rate would need to rise from nothing to where it was, ms; default 10 min */
  riseMs?: number;
  /** the connection may be used again, or one document may try */
  changed(): void;
}

/** Without a probe the wait before one document may try: doubling from here to `LONGEST_MS`. */
const FIRST_MS = 5_000;
const LONGEST_MS = 60_000;
/** A throttled rate comes back at a tenth of what it was per minute: slow enough to meet the limit seldom, done within the hour. */
const RISE_MS = 600_000;

/** What a connection without a configured rate is taken to have done at least, per slot and minute, before it is halved. */
const LEAST_PER_SLOT = 60;

const UNKNOWN: ConnectionRow = {
  state: 'active',
  breaker: 'closed',
  heldMs: 0,
  probeMs: null,
  probe_count: 0,
  probe_holder: null,
  rate: null,
  quotaUsed: 0,
  quotaResetMs: 0,
};

/**
 * Whether a connection may be used, over all processes. The meter of this process only measures; `connection_state`
 * decides who may claim and who probes.
 *
 *     closed ──a meter trips──> open ──probe goes through──> half-open ──one lane's head goes through──> closed
 *                                 ^ └──probe fails, again 5 s later         │
 *                                 └───────────────────────it fails──────────┘
 *
 *     active ──401, or 403 and the probe fails too──> needs_reauth ──probe goes through──> active
 *
 * A record that is refused again while others go through is at fault itself, and changes nothing of this (`TOLD_BEFORE`).
 *
 * Beside both, a target that asks us to slow down holds the connection for as long as it says.
 */
export class Guard {
  readonly #options: GuardOptions;
  readonly #meter: Meter;
  #row = UNKNOWN;
  /** monotonic ms */
  #heldUntil = 0;
  #heldTimer: NodeJS.Timeout | undefined;
  /** monotonic ms: what was read before this process changed the state itself says nothing */
  #changedAt = 0;
  #trial: { since: number } | undefined;
  #busy = false;
  /** that the target refuses the probe was said in this outage */
  #saidRefused = false;

  constructor(options: GuardOptions) {
    this.#options = options;
    const { breaker } = options.connection;
    this.#meter = createMeter({
      windowMs: breaker.windowMs,
      minimum: breaker.minimum,
      failures: breaker.failures,
      slowMs: breaker.slowMs,
    });
  }

  /** Requests may leave, as far as this process knows. */
  get closed(): boolean {
    return this.#row.breaker === 'closed' && this.#row.state === 'active' && this.heldMs === 0;
  }

  /** This process may send one lane's head while the breaker is half-open. */
  get trying(): boolean {
    return this.#trial !== undefined && this.#row.state === 'active' && this.heldMs === 0;
  }

  get heldMs(): number {
    return Math.max(0, this.#heldUntil - performance.now());
  }

  /** Reads the shared state; probes when it is time and nobody else does. Called often, in parallel with requests. */
  async tick(): Promise<void> {
    if (this.#busy) return;
    this.#busy = true;
    try {
      await this.refresh();
      const { breaker, state, probeMs } = this.#row;
      const due = probeMs !== null && probeMs <= 0 && state !== 'paused' && this.heldMs === 0;
      if (due && !this.#options.budget.exhausted && (breaker !== 'closed' || state === 'needs_reauth'))
        await this.#probe();
    } finally {
      this.#busy = false;
    }
  }

  async refresh(): Promise<void> {
    const { database, connection, holder, budget, reauthMs, changed } = this.#options;
    const readAt = performance.now();
    const [row] = await database.query<ConnectionRow>(READ_CONNECTION, [connection.name]);
    if (row === undefined || readAt < this.#changedAt) return;
    const before = this.#row;
    const usable = this.closed;
    this.#row = row;
    budget.observe(row);
    this.#hold(row.heldMs);
    if (row.breaker !== 'half-open' || row.probe_holder !== holder) this.#trial = undefined; // whoever probed last has the word
    if (row.breaker === 'closed' && before.breaker !== 'closed') this.#meter.reset();
    if (row.state === 'active' && before.state === 'needs_reauth')
      await database.query(AFTER_THE_OTHERS, [connection.name, 2 * reauthMs]);
    if (this.closed && !usable) changed();
  }

  stop(): void {
    clearTimeout(this.#heldTimer);
  }

  /** How a request ended. `begunAt` is monotonic: only calls begun after the probe count for a trial. */
  async ended(kind: 'ok' | 'failure', durationMs: number, begunAt: number): Promise<void> {
    this.#meter.record(kind, durationMs);
    if (this.#trial !== undefined && begunAt >= this.#trial.since) return this.#tried(kind === 'ok');
    if (this.#meter.tripped() && this.#row.breaker === 'closed') await this.#open();
  }

  /**
   * The trial found nothing to send: nothing speaks against the connection. That nothing was given out because the
   * connection is held or paused, which this process may not know yet, is no such finding.
   */
  async nothingToTry(): Promise<void> {
    if (this.#trial === undefined) return;
    await this.refresh();
    if (this.trying) await this.#tried(true);
  }

  /** The target asked us to slow down, in the answer to a request that began `agoMs` ago. */
  async throttled(forMs: number, agoMs: number): Promise<void> {
    const { database, connection, log, riseMs = RISE_MS } = this.#options;
    const { requestsPerMinute, concurrency } = connection.budget;
    this.#hold(Math.max(forMs, this.heldMs));
    const [row] = await database.query<{ lowered: boolean; perMinute: number }>(THROTTLE, [
      connection.name,
      forMs,
      agoMs,
      requestsPerMinute ?? null,
      riseMs,
      concurrency * LEAST_PER_SLOT,
    ]);
    if (row?.lowered)
      log.warn(
        { connection: connection.name, heldMs: forMs, perMinute: row.perMinute },
        `${connection.name} asks us to slow down: to ${row.perMinute.toFixed(0)} requests per minute, rising again`,
      );
    await this.#refreshed();
  }

  async needsReauth(reason: string): Promise<void> {
    const { database, connection, reauthMs, log } = this.#options;
    this.#row = { ...this.#row, state: 'needs_reauth' };
    const [changed] = await database.query(NEED_REAUTH, [connection.name, reauthMs, reason]);
    if (changed !== undefined)
      log.error(
        { connection: connection.name },
        `${connection.name} refuses our credentials: paused until a probe goes through`,
      );
    await this.#refreshed();
  }

  /** The connector's cheap call; without one nothing is known. */
  async probe(): Promise<ProbeResult | undefined> {
    const { target, connection, budget } = this.#options;
    if (target.probe === undefined) return undefined;
    await budget.charge(1);
    const signal = AbortSignal.timeout(Math.min(connection.timeoutMs, 10_000));
    return target.probe(signal).catch((cause: unknown): ProbeResult => ({ ok: false, message: String(cause) }));
  }

  async #open(): Promise<void> {
    const { database, connection, log } = this.#options;
    this.#row = { ...this.#row, breaker: 'open' };
    const [changed] = await database.query(OPEN_BREAKER, [connection.name, this.#wait(0)]);
    if (changed !== undefined)
      log.warn({ connection: connection.name }, `${connection.name} fails too often: breaker open`);
    await this.#refreshed();
  }

  async #probe(): Promise<void> {
    const { database, connection, holder, log, reauthMs, changed } = this.#options;
    const turn = Math.min(connection.timeoutMs, 10_000) + 5_000;
    const [row] = await database.query<ConnectionRow>(TAKE_PROBE, [connection.name, holder, turn]);
    if (row === undefined) return;
    const since = performance.now();
    const answer = await this.probe();
    let half: Record<string, unknown> | undefined;
    if (row.state === 'needs_reauth') {
      if (answer === undefined || answer.ok) {
        await database.query(REAUTHENTICATED, [connection.name, holder]);
        log.info({ connection: connection.name }, `${connection.name} takes our credentials again`);
      } else await database.query(POSTPONE_PROBE, [connection.name, holder, reauthMs]);
    } else if (answer !== undefined && !answer.ok) {
      this.#probeFailed(answer);
      await database.query(REOPEN_BREAKER, [connection.name, holder, this.#wait(row.probe_count), answer.message]);
    } else [half] = await database.query(HALF_OPEN, [connection.name, holder, connection.timeoutMs + turn]);
    if (half !== undefined) this.#trial = { since };
    await this.#refreshed();
    if (this.trying) changed();
  }

  async #tried(ok: boolean): Promise<void> {
    const { database, connection, holder, log, changed } = this.#options;
    this.#trial = undefined;
    if (ok) {
      const [closed] = await database.query(CLOSE_BREAKER, [connection.name, holder]);
      if (closed !== undefined) await database.query(BRING_FORWARD, [connection.name]);
      this.#meter.reset();
      this.#saidRefused = false;
      log.info({ connection: connection.name }, `${connection.name} answers again: breaker closed`);
    } else await database.query(REOPEN_BREAKER, [connection.name, holder, this.#wait(this.#row.probe_count), null]);
    await this.#refreshed();
    changed();
  }

  /** A target that is back and refuses its probe would stay out for good, and nobody would know why. Said once an outage. */
  #probeFailed({ httpStatus, message }: ProbeResult & { ok: false }): void {
    const { connection, log } = this.#options;
    const refused = httpStatus !== undefined && httpStatus >= 400 && httpStatus < 500;
    if (refused && !this.#saidRefused)
      log.warn(
        { connection: connection.name, httpStatus },
        `${connection.name} answers, and refuses the probe (${message}): nothing is sent until it answers 2xx; see its settings.probe`,
      );
    this.#saidRefused ||= refused;
  }

  #refreshed(): Promise<void> {
    this.#changedAt = performance.now();
    return this.refresh();
  }

  /** Nothing leaves for so long; whoever waits for the end of it is told. */
  #hold(ms: number): void {
    const before = this.heldMs;
    this.#heldUntil = performance.now() + ms;
    if (ms === 0 || (this.#heldTimer !== undefined && Math.abs(before - ms) < 20)) return;
    clearTimeout(this.#heldTimer);
    this.#heldTimer = setTimeout(
      () => {
        this.#heldTimer = undefined;
        this.#options.changed();
      },
      Math.min(ms + 1, 2 ** 31 - 1),
    );
  }

  #wait(count: number): number {
    const { target, connection } = this.#options;
    if (target.probe !== undefined) return connection.breaker.probeMs;
    return Math.min(FIRST_MS * 2 ** count, LONGEST_MS);
  }
}
