import type { Connection, ProbeResult, Target } from '#contracts';
import type { Database } from '#db';
import { createMeter, type Meter } from '#http';
import type { Logger } from '#platform';
import {
  CLOSE_BREAKER,
  HALF_OPEN,
  HOLD_CONNECTION,
  NEED_REAUTH,
  OPEN_BREAKER,
  POSTPONE_PROBE,
  READ_CONNECTION,
  REAUTHENTICATED,
  REOPEN_BREAKER,
  TAKE_PROBE,
  type ConnectionRow,
} from '../sql/connection.ts';

export interface GuardOptions {
  database: Database;
  connection: Connection;
  target: Target;
  holder: string;
  log: Logger;
  /** how often credentials that were refused are tried, ms */
  reauthMs: number;
  /** the connection may be used again, or one document may try */
  changed(): void;
}

/** Without a probe the wait before one document may try: doubling from here to `LONGEST_MS`. */
const FIRST_MS = 5_000;
const LONGEST_MS = 60_000;

/**
 * Whether a connection may be used, over all processes. The meter of this process only measures; `connection_state`
 * decides who may claim and who probes.
 *
 *     closed ──a meter trips──> open ──probe goes through──> half-open ──one lane's head goes through──> closed
 *                                 ^ └──probe fails, again 5 s later         │
 *                                 └───────────────────────it fails──────────┘
 *
 *     active ──401, or 403 and the probe fails too──> needs_reauth ──probe goes through──> active
 */
export class Guard {
  readonly #options: GuardOptions;
  readonly #meter: Meter;
  #row: ConnectionRow = { state: 'active', breaker: 'closed', heldMs: 0, probeMs: null, probe_count: 0 };
  #trial: { since: number } | undefined;
  #busy = false;

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

  /** Why nothing should leave at this moment, as far as this process knows. */
  get closed(): boolean {
    return this.#row.breaker === 'closed' && this.#row.state === 'active';
  }

  /** This process may send one lane's head while the breaker is half-open. */
  get trying(): boolean {
    return this.#trial !== undefined;
  }

  get heldMs(): number {
    return this.#row.heldMs;
  }

  /** Reads the shared state; probes when it is time and nobody else does. Called often, in parallel with requests. */
  async tick(): Promise<void> {
    if (this.#busy) return;
    this.#busy = true;
    try {
      await this.refresh();
      const { breaker, state, probeMs } = this.#row;
      const due = probeMs !== null && probeMs <= 0 && state !== 'paused';
      if (due && (breaker !== 'closed' || state === 'needs_reauth')) await this.#probe();
    } finally {
      this.#busy = false;
    }
  }

  async refresh(): Promise<void> {
    const { database, connection, changed } = this.#options;
    const before = this.#row;
    const [row] = await database.query<ConnectionRow>(READ_CONNECTION, [connection.name]);
    if (row === undefined) return;
    this.#row = row;
    if (row.breaker === 'closed') {
      this.#trial = undefined;
      if (before.breaker !== 'closed') this.#meter.reset();
    }
    const usable = (at: ConnectionRow): boolean => at.breaker === 'closed' && at.state === 'active';
    if (usable(row) && !usable(before)) changed();
  }

  /** How a request ended. `begunAt` is monotonic: only calls begun after the probe count for a trial. */
  async ended(kind: 'ok' | 'failure', durationMs: number, begunAt: number): Promise<void> {
    this.#meter.record(kind, durationMs);
    if (this.#trial !== undefined && begunAt >= this.#trial.since) return this.#tried(kind === 'ok');
    if (this.#meter.tripped() && this.#row.breaker === 'closed') await this.#open();
  }

  /** The trial found nothing to send: nothing speaks against the connection. */
  async nothingToTry(): Promise<void> {
    if (this.#trial !== undefined) await this.#tried(true);
  }

  async hold(forMs: number): Promise<void> {
    await this.#options.database.query(HOLD_CONNECTION, [this.#options.connection.name, forMs]);
    await this.refresh();
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
    await this.refresh();
  }

  /** The connector's cheap call; without one nothing is known. */
  async probe(): Promise<ProbeResult | undefined> {
    const { target, connection } = this.#options;
    if (target.probe === undefined) return undefined;
    const signal = AbortSignal.timeout(Math.min(connection.timeoutMs, 10_000));
    return target.probe(signal).catch((cause: unknown): ProbeResult => ({ ok: false, message: String(cause) }));
  }

  async #open(): Promise<void> {
    const { database, connection, log } = this.#options;
    this.#row = { ...this.#row, breaker: 'open' };
    const [changed] = await database.query(OPEN_BREAKER, [connection.name, this.#wait(0)]);
    if (changed !== undefined)
      log.warn({ connection: connection.name }, `${connection.name} fails too often: breaker open`);
    await this.refresh();
  }

  async #probe(): Promise<void> {
    const { database, connection, holder, log, reauthMs, changed } = this.#options;
    const turn = Math.min(connection.timeoutMs, 10_000) + 5_000;
    const [row] = await database.query<ConnectionRow>(TAKE_PROBE, [connection.name, holder, turn]);
    if (row === undefined) return;
    const since = performance.now();
    const answer = await this.probe();
    if (row.state === 'needs_reauth') {
      if (answer === undefined || answer.ok) {
        await database.query(REAUTHENTICATED, [connection.name, holder]);
        log.info({ connection: connection.name }, `${connection.name} takes our credentials again`);
      } else await database.query(POSTPONE_PROBE, [connection.name, holder, reauthMs]);
    } else if (answer !== undefined && !answer.ok) {
      await database.query(REOPEN_BREAKER, [connection.name, holder, this.#wait(row.probe_count)]);
    } else {
      const [half] = await database.query(HALF_OPEN, [connection.name, holder, connection.timeoutMs + turn]);
      if (half !== undefined) this.#trial = { since };
    }
    await this.refresh();
    if (this.#trial !== undefined) changed();
  }

  async #tried(ok: boolean): Promise<void> {
    const { database, connection, holder, log, changed } = this.#options;
    this.#trial = undefined;
    if (ok) {
      await database.query(CLOSE_BREAKER, [connection.name, holder]);
      this.#meter.reset();
      log.info({ connection: connection.name }, `${connection.name} answers again: breaker closed`);
    } else await database.query(REOPEN_BREAKER, [connection.name, holder, this.#wait(this.#row.probe_count)]);
    await this.refresh();
    changed();
  }

  #wait(count: number): number {
    const { target, connection } = this.#options;
    if (target.probe !== undefined) return connection.breaker.probeMs;
    return Math.min(FIRST_MS * 2 ** count, LONGEST_MS);
  }
}
