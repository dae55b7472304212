import type { Connection } from '#contracts';
import type { Database } from '#db';
import type { ConnectionRow } from '../sql/connection.ts';
import { TAKE_PERMITS, type PermitRow } from '../sql/budget.ts';

export interface Permits {
  granted: number;
  /** when asking again makes sense, ms; 0: at once */
  nextMs: number;
}

/**
 * How many requests a connection takes: per minute, as configured and as the target throttled us to, and per day. Counted in
 * PostgreSQL for all processes; what this process knows in between only saves it from asking.
 *
 * When the day's quota but for its reserve is used up, deliveries stay as they are until midnight in the connection's zone.
 * The reserve is for probes and for what people order.
 */
export class Budget {
  readonly #database: Database;
  readonly #connection: Connection;
  #rate: number | null = null;
  #used = 0;
  /** monotonic ms */
  #resetsAt = Infinity;

  constructor(database: Database, connection: Connection) {
    this.#database = database;
    this.#connection = connection;
  }

  /** Whether permits have to be asked for at all. */
  get limited(): boolean {
    const { requestsPerMinute, dailyQuota } = this.#connection.budget;
    return requestsPerMinute !== undefined || dailyQuota !== undefined || this.#rate !== null;
  }

  /** Nothing but what people ordered may go out before midnight. */
  get usedUp(): boolean {
    const { dailyQuota, reserve = 0 } = this.#connection.budget;
    return dailyQuota !== undefined && this.#usedToday() >= dailyQuota - reserve;
  }

  /** Not even that. */
  get exhausted(): boolean {
    const { dailyQuota } = this.#connection.budget;
    return dailyQuota !== undefined && this.#usedToday() >= dailyQuota;
  }

  /** What the shared state says by now. */
  observe(seen: Pick<ConnectionRow, 'rate' | 'quotaUsed' | 'quotaResetMs'>): void {
    this.#rate = seen.rate;
    this.#used = seen.quotaUsed;
    this.#resetsAt = performance.now() + seen.quotaResetMs;
  }

  /** Asks for up to `want` requests; what a person `ordered` may use the reserve. */
  async take(want: number, ordered: boolean): Promise<Permits> {
    if (!this.limited) return { granted: want, nextMs: 0 };
    const { dailyQuota, reserve = 0 } = this.#connection.budget;
    const upTo = dailyQuota === undefined ? null : ordered ? dailyQuota : dailyQuota - reserve;
    const { granted, nextMs } = await this.#ask(want, upTo, false);
    const none = upTo !== null && this.#usedToday() >= upTo;
    return { granted, nextMs: none ? this.#resetsAt - performance.now() : nextMs };
  }

  /** Counts requests that take place in any case; fewer than none: so many of those that were granted do not. */
  async charge(count: number): Promise<void> {
    if (this.limited && count !== 0) await this.#ask(count, null, true);
  }

  async #ask(want: number, upTo: number | null, charged: boolean): Promise<PermitRow> {
    const { name, zone, budget } = this.#connection;
    const perMinute = budget.requestsPerMinute ?? null;
    const [row] = await this.#database.query<PermitRow>(TAKE_PERMITS, [name, want, perMinute, upTo, zone, charged]);
    if (row === undefined) return { granted: 0, nextMs: 1_000, quotaUsed: 0, quotaResetMs: 0 };
    this.#used = row.quotaUsed;
    this.#resetsAt = performance.now() + row.quotaResetMs;
    return row;
  }

  #usedToday(): number {
    return performance.now() < this.#resetsAt ? this.#used : 0;
  }
}
