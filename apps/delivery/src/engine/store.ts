import type { Database, Transaction } from '#db';
import type { DocumentDeclaration, OpenField } from '#contracts';
import type { Attempt, Delivery, Lane } from '../core/lane.ts';
import { waitsFor } from '../core/body.ts';
import type { Missing } from '../core/plan.ts';
import { ABANDON } from '../sql/abandon.ts';
import { FORGET_OWN_WRITES } from '../sql/forget-own-writes.ts';
import { BEGIN_ATTEMPTS, type BegunAttempt, type BegunRow } from '../sql/begin-attempts.ts';
import { CLAIM, CLAIM_ORDERED, NEXT_DUE, type ClaimAnswer, type ClaimedRow } from '../sql/claim.ts';
import { WAIT_FOR } from '../sql/dependency.ts';
import { HOLD } from '../sql/hold.ts';
import { LATE_ANSWER } from '../sql/late-answer.ts';
import { ATTEMPTS, LOAD, LOAD_ONE, type AttemptRow, type LoadedRow } from '../sql/load.ts';
import { POSTED_BODIES } from '../sql/posted.ts';
import { RELEASE, RENEW } from '../sql/release.ts';
import { SETTLE, type SettledRow, type SettleRow } from '../sql/settle.ts';
import { SUPERSEDE } from '../sql/supersede.ts';
import { UNPARK } from '../sql/unpark.ts';
import { lockDependencies, lockReferences, lookUp, releaseWaiters, wordOf } from './dependencies.ts';
import type { ResultWriter } from './results.ts';
import { attemptOf, deliveryOf, laneOf } from './rows.ts';

export interface StoreOptions {
  database: Database;
  results: ResultWriter;
  /** this process, unique in time and space */
  holder: string;
  leaseMs: number;
}

export interface Loaded {
  lane: Lane;
  /** unfinished deliveries of interest */
  open: Delivery[];
  now: Date;
}

/** A row to record, with what the transaction needs besides. */
export interface ToSettle {
  row: SettleRow;
  lane: Lane;
  nature: DocumentDeclaration['nature'];
}

export interface Claimed {
  lanes: ClaimedRow[];
  /** ms until the next one is due; undefined when none will be by itself, or as many were taken as were asked for */
  nextMs: number | undefined;
}

export interface Settled {
  /** those of the batch whose lane had this token; nothing was changed for the others */
  recorded: ReadonlySet<ToSettle>;
  /** what changed, superseded ones included */
  rows: SettledRow[];
  /** connections whose lanes were woken */
  woken: string[];
}

/** A lane and the token it was claimed with. */
export type Held = Pick<Lane, 'id' | 'token'>;

/** The statements of delivery, as the engine speaks of them. Every write of a lane carries its token. */
export class Store {
  readonly database: Database;
  readonly holder: string;
  readonly leaseMs: number;
  readonly #results: ResultWriter;

  constructor(options: StoreOptions) {
    this.database = options.database;
    this.holder = options.holder;
    this.leaseMs = options.leaseMs;
    this.#results = options.results;
  }

  /** With `onlyOrdered` none but the lanes whose next request a person ordered. */
  async claim(connection: string, most: number, halfOpen: boolean, onlyOrdered: boolean): Promise<Claimed> {
    const statement = onlyOrdered ? CLAIM_ORDERED : CLAIM;
    const values = [connection, most, this.holder, this.leaseMs, halfOpen];
    const rows = await this.database.query<ClaimedRow & ClaimAnswer>(statement, values);
    return { lanes: rows.filter((row) => row.id !== null), nextMs: rows[0]?.inMs ?? undefined };
  }

  /** ms until the next lane is due; undefined when none will be by itself. */
  async nextDue(connection: string): Promise<number | undefined> {
    const [row] = await this.database.query<{ inMs: number }>(NEXT_DUE, [connection]);
    return row?.inMs;
  }

  /** Puts what a former holder left open in doubt. */
  async abandon(lanes: readonly (Held & { settleMs: number })[]): Promise<void> {
    await this.database.query(ABANDON, [
      lanes.map((lane) => lane.id),
      lanes.map((lane) => lane.token),
      lanes.map((lane) => Math.round(lane.settleMs)),
    ]);
  }

  async load(claimed: readonly ClaimedRow[], connection: string, facts: readonly string[]): Promise<Loaded[]> {
    const byId = new Map(claimed.map((row) => [row.id, row]));
    const rows = await this.database.query<LoadedRow>(LOAD, [claimed.map((row) => row.id), facts]);
    const loaded = new Map<bigint, Loaded>();
    for (const row of rows) {
      const lane = byId.get(row.lane_id)!;
      let at = loaded.get(row.lane_id);
      if (at === undefined)
        loaded.set(row.lane_id, (at = { lane: laneOf(row, lane, connection), open: [], now: row.now }));
      if (row.id !== null) at.open.push(deliveryOf(row, row.id));
    }
    return [...loaded.values()];
  }

  async attempts(deliveries: readonly bigint[]): Promise<Map<bigint, Attempt[]>> {
    const found = new Map<bigint, Attempt[]>();
    if (deliveries.length === 0) return found;
    for (const row of await this.database.query<AttemptRow>(ATTEMPTS, [deliveries])) {
      const list = found.get(row.delivery_id) ?? [];
      list.push(attemptOf(row));
      found.set(row.delivery_id, list);
    }
    return found;
  }

  /** The bytes of what is posted in `lanes`, by lane; none where it was not sent from here. */
  async postedBodies(lanes: readonly bigint[]): Promise<Map<bigint, string>> {
    if (lanes.length === 0) return new Map();
    const rows = await this.database.query<{ lane_id: bigint; body: string }>(POSTED_BODIES, [lanes]);
    return new Map(rows.map((row) => [row.lane_id, row.body]));
  }

  /** Gives parked deliveries that are tried by themselves back the status of one that waits. */
  async unpark(tries: readonly { lane: Held; delivery: Delivery }[]): Promise<void> {
    await this.database.query(UNPARK, [
      tries.map(({ lane }) => lane.id),
      tries.map(({ delivery }) => delivery.id),
      tries.map(({ lane }) => lane.token),
    ]);
  }

  /** The values of open fields that are there, by kind, name and key. */
  async lookUp(connection: string, fields: readonly OpenField[]): Promise<(field: OpenField) => string | undefined> {
    const found = await lookUp(this.database, connection, fields.map(waitsFor));
    return (field) => found.get(wordOf(waitsFor(field)));
  }

  /** Writes attempt rows but of paused flows; what is missing from the answer had a stale token. */
  begin(attempts: readonly BegunAttempt[]): Promise<BegunRow[]> {
    return this.database.query<BegunRow>(BEGIN_ATTEMPTS, [JSON.stringify(attempts), this.holder, this.leaseMs]);
  }

  release(lanes: readonly (Held & { dueMs: number | null })[]): Promise<unknown> {
    return this.database.query(RELEASE, [
      lanes.map((lane) => lane.id),
      lanes.map((lane) => lane.token),
      lanes.map((lane) => lane.dueMs),
      this.holder,
    ]);
  }

  /** Those of `lanes` that are still ours. */
  async renew(lanes: readonly Held[]): Promise<Set<bigint>> {
    const kept = await this.database.query<{ id: bigint }>(RENEW, [
      lanes.map((lane) => lane.id),
      lanes.map((lane) => lane.token),
      this.leaseMs,
      this.holder,
    ]);
    return new Set(kept.map((row) => row.id));
  }

  /** Outcome, `applied`, cross-reference, dependencies and results of a batch, in one transaction. */
  settle(batch: readonly ToSettle[]): Promise<Settled> {
    return this.database.transaction((tx) => this.settleIn(tx, batch, this.holder));
  }

  /** The same within the transaction of a person's order, which holds the lane under a name of its own. */
  async settleIn(tx: Transaction, batch: readonly ToSettle[], holder: string): Promise<Settled> {
    // Nobody waits for a record whose id was known when its lane was loaded, and an id that is known stays known: one more, as each
    // posting of a fact has one, wakes nobody and needs no lock.
    const binds = batch.filter(({ row, lane }) => row.target_id !== null && lane.targetId === null);
    const [dependencies, rows] = await Promise.all([
      lockReferences(
        tx,
        binds.map(({ lane }) => lane),
      ),
      tx.query<SettledRow>(SETTLE, [JSON.stringify(batch.map(({ row }) => row)), holder]),
    ]);
    const tokens = new Map(rows.map((row) => [row.lane_id, row.token]));
    const recorded = batch.filter(({ lane }) => tokens.get(lane.id) === lane.token);
    const effects = recorded.filter(({ row, nature }) => row.effect && nature === 'state');
    const [superseded, woken] = await Promise.all([
      effects.length === 0
        ? []
        : tx.query<SettledRow>(SUPERSEDE, [
            effects.map(({ lane }) => lane.id),
            effects.map(({ row }) => row.delivery_id),
          ]),
      dependencies.length > 0 ? releaseWaiters(tx, dependencies) : [],
    ]);
    // a newer result of the record says more: who keeps the newest one ends with that of what took effect
    rows.unshift(...superseded);
    const echoes = rows.filter((row) => row.hop_count > 0 && ENDED_WITHOUT_CHANGE.has(row.status));
    if (echoes.length > 0) tx.queue(FORGET_OWN_WRITES, [echoes.map((row) => row.id)]);
    await this.#results.write(
      tx,
      rows.filter(({ told }) => !told),
    );
    // crashpoint delivery.before-settle
    return { recorded: new Set(recorded), rows, woken };
  }

  /**
   * Holds a delivery for what is missing, unless it came meanwhile: both sides lock the same rows first, and the holder looks
   * again under that lock (model/hold.js). `found` means: try again at once.
   */
  hold(
    lane: Lane,
    delivery: Delivery,
    missing: readonly Missing[],
    more: boolean,
  ): Promise<'held' | 'found' | 'stale'> {
    return this.database.transaction(async (tx) => {
      const locked = await lockDependencies(tx, lane.connection, missing, false);
      const found = await lookUp(tx, lane.connection, missing);
      const still = missing.filter((item) => !found.has(wordOf(item)));
      if (still.length === 0) return 'found';
      const ids = still.map((item) => locked.get(wordOf(item))!);
      const held = await tx.query(HOLD, [
        lane.id,
        lane.token,
        delivery.id,
        JSON.stringify(still),
        more,
        `waits for ${still.map((item) => `${item.kind} ${item.name} ${item.key}`).join(', ')}`,
      ]);
      if (held.length === 0) return 'stale';
      tx.queue(WAIT_FOR, [ids, ids.map(() => delivery.id)]);
      return 'held';
    });
  }

  /** Keeps an answer that came too late with its attempt. */
  lateAnswer(
    delivery: bigint,
    n: number,
    evidence: unknown,
    outcome: 'done' | 'rejected' | 'not-sent' | null,
    targetId: string | null,
  ): Promise<unknown> {
    return this.database.transaction((tx) =>
      tx.query(LATE_ANSWER, [delivery, n, JSON.stringify([evidence]), outcome, targetId]),
    );
  }
}

const ENDED_WITHOUT_CHANGE: ReadonlySet<string> = new Set(['SKIPPED_NOCHANGE', 'IGNORED']);

/** One delivery with its lane and attempts, for an order of which the lane is taken under `token`. */
export async function loadOne(
  tx: Transaction,
  id: bigint,
  claimed: Pick<ClaimedRow, 'token' | 'document' | 'key'> & { connection: string },
): Promise<{ lane: Lane; delivery: Delivery; attempts: Attempt[]; now: Date }> {
  const [row] = await tx.query<LoadedRow>(LOAD_ONE, [id]);
  const attempts = await tx.query<AttemptRow>(ATTEMPTS, [[id]]);
  return {
    lane: laneOf(row!, claimed, claimed.connection),
    delivery: deliveryOf(row!, id),
    attempts: attempts.map(attemptOf),
    now: row!.now,
  };
}
