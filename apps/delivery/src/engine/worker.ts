import type { Connection, Target } from '#contracts';
import type { Logger, Metrics } from '#platform';
import type { SchemaSet } from '#schema';
import { repeatableUntil, repeatWord } from '../core/resolver.ts';
import type { Window } from '../restore/look-before-create.ts';
import type { BegunAttempt } from '../sql/begin-attempts.ts';
import { ENSURE_CONNECTION } from '../sql/connection.ts';
import { Ahead } from './ahead.ts';
import { Budget } from './budget.ts';
import type { Desk, Sendable } from './desk.ts';
import { Guard } from './guard.ts';
import { prepare, type Work } from './prepare.ts';
import { MOST_UNRECORDED, type Recorder } from './recorder.ts';
import { deliver } from './request.ts';
import { Bell } from './signal.ts';
import { Slots } from './slots.ts';
import type { Held, Store } from './store.ts';
import { withoutRequest } from './without-request.ts';

export interface WorkerOptions {
  store: Store;
  recorder: Recorder;
  connection: Connection;
  target: Target;
  restore?: Window | undefined;
  schemas: SchemaSet;
  metrics: Metrics;
  log: Logger;
  reauthMs: number;
  riseMs?: number;
  /** false: others may take this process for dead */
  alive(): boolean;
}

/** Longest sleep of the claim loop, ms: what NOTIFY missed is found by then. */
const LONGEST_SLEEP_MS = 1_000;
/** How long who has work and no slot waits before it asks for one again, ms. */
const NO_SLOT_MS = 200;
/** What failed here, and not at the target, is tried again after this, ms. */
const AGAIN_MS = 1_000;
/** Slots without work go back after this, ms. */
const IDLE_SLOTS_MS = 2_000;

/** What a look for work found. */
interface Round {
  taken: number;
  /** there may be more: as many were taken as there was room for */
  full?: boolean;
  /** ms until the next is due, `null` if none will be by itself; undefined if that was not asked */
  nextMs?: number | null;
  /** something is due and others have all the slots: we stay a member, for they give back what is ours only to members */
  slotless?: boolean;
}
const NOTHING: Round = { taken: 0 };

/**
 * Delivers to one connection: claims due lanes, decides, writes attempts, sends, records.
 *
 *     claim ─> decide ─┬─> nothing to send: record, release
 *                      └─> ready ─> attempt rows (a group at a time) ─> a free slot ─> send ─> record, release
 *
 * A little more is claimed than there are slots, so that a slot that becomes free is used at once.
 */
export class Worker {
  readonly #options: WorkerOptions;
  readonly #budget: Budget;
  readonly #guard: Guard;
  readonly #slots: Slots;
  readonly #desk: Desk;
  readonly #bell = new Bell();
  readonly #claimAhead = new Ahead({ least: 1 / 2, most: 2 });
  readonly #beginAhead = new Ahead({ least: 1 / 8, most: 1 / 2 });
  readonly #ready: Sendable[] = [];
  /** every lane this process has claimed and not yet given back */
  readonly #leased = new Map<bigint, Held>();
  /** those of them whose next request a person ordered */
  readonly #ordered = new Set<bigint>();
  /** lanes between claim and answer */
  #busy = 0;
  /** attempts written whose answer is not there yet */
  #begun = 0;
  #beginning = false;
  /** the loop sleeps for lack of room: whoever makes some wakes it */
  #wantsRoom = false;
  #stopping = false;
  #loop: Promise<void> | undefined;
  #rateTimer: NodeJS.Timeout | undefined;
  #timers: NodeJS.Timeout[] = [];
  readonly #wakeTimers = new Set<NodeJS.Timeout>();

  constructor(options: WorkerOptions) {
    this.#options = options;
    const { store, connection, target, log } = options;
    this.#budget = new Budget(store.database, connection);
    this.#guard = new Guard({
      database: store.database,
      connection,
      target,
      budget: this.#budget,
      holder: store.holder,
      log,
      reauthMs: options.reauthMs,
      riseMs: options.riseMs,
      changed: () => {
        this.#bell.ring();
        void this.#begin();
      },
    });
    this.#slots = new Slots({
      database: store.database,
      connection: connection.name,
      holder: store.holder,
      most: connection.budget.concurrency,
      leaseMs: store.leaseMs,
      alive: () => options.alive(),
    });
    this.#desk = {
      ...options,
      guard: this.#guard,
      slots: this.#slots,
      mayLook: (lane) => this.#mayLook(lane),
      charge: () => this.#budget.charge(1),
      wakeIn: (ms) => this.#wakeIn(ms),
    };
  }

  get name(): string {
    return this.#options.connection.name;
  }

  async start(): Promise<void> {
    const { store, connection, log } = this.#options;
    const { concurrency, dailyQuota, reserve = 0 } = connection.budget;
    const most = dailyQuota === undefined ? null : dailyQuota - reserve;
    await store.database.query(ENSURE_CONNECTION, [connection.name, concurrency, most]);
    await this.#guard.refresh();
    const every = (ms: number, work: () => Promise<unknown>, what: string): void => {
      const timer = setInterval(() => {
        work().catch((cause: unknown) => log.warn({ err: cause }, `${connection.name}: ${what} failed`));
      }, ms);
      this.#timers.push(timer);
    };
    every(
      Math.min(1_000, Math.max(20, connection.breaker.probeMs / 4)),
      () => this.#guard.tick(),
      'reading the state of the connection',
    );
    every(store.leaseMs / 3, () => this.#renew(), 'renewing leases');
    every(Math.min(1_000, store.leaseMs / 3), () => this.#slots.balance(), 'sharing the slots');
    this.#loop = this.#run();
  }

  /** Something may be due. */
  wake(): void {
    this.#bell.ring();
  }

  /** Reads the state of the connection anew: somebody paused or resumed it. */
  async refresh(): Promise<void> {
    await this.#guard.refresh();
    this.#bell.ring();
  }

  /** Takes nothing new; requests in hand get until `deadlineMs` from now. What is not begun is given back. */
  async stop(deadlineMs: number): Promise<void> {
    this.#stopping = true;
    this.#bell.ring();
    clearTimeout(this.#rateTimer);
    for (const timer of this.#wakeTimers) clearTimeout(timer);
    await this.#loop;
    const ready = this.#ready.splice(0);
    this.#busy -= ready.length;
    // where PostgreSQL is away their leases end by themselves, and what is in hand must be waited for all the same
    await this.#giveBack(ready.map(({ work }) => ({ ...work.lane, dueMs: 0 }))).catch(() => {});
    const until = performance.now() + deadlineMs;
    while (this.#leased.size > 0 && performance.now() < until)
      await this.#bell.wait(Math.min(100, Math.max(1, until - performance.now())));
    for (const timer of this.#timers) clearInterval(timer);
    this.#guard.stop();
    await this.#slots.part().catch(() => {});
  }

  async #run(): Promise<void> {
    const { log, connection } = this.#options;
    let idleSince = performance.now();
    while (!this.#stopping) {
      let sleep: number;
      try {
        const round = await this.#claim();
        if (round.taken > 0 || this.#busy > 0 || round.slotless) idleSince = performance.now();
        else if (performance.now() - idleSince > IDLE_SLOTS_MS) await this.#slots.part();
        sleep = await this.#pause(round);
      } catch (cause) {
        log.warn({ err: cause }, `${connection.name}: claiming failed, trying again`);
        sleep = 500;
      }
      if (sleep > 0 && !this.#stopping) await this.#bell.wait(sleep);
      this.#wantsRoom = false;
    }
  }

  /** How many more lanes to take: our slots and a little more, fewer while outcomes wait to be recorded. */
  #room(): number {
    if (this.#guard.trying) return this.#busy > 0 ? 0 : 1;
    if (!this.#guard.closed || this.#rateTimer !== undefined) return 0;
    const { held } = this.#slots;
    const most = held + Math.max(1, this.#claimAhead.of(held));
    return most - Math.max(this.#busy, this.#leased.size - MOST_UNRECORDED);
  }

  async #claim(): Promise<Round> {
    const { store, connection } = this.#options;
    if (this.#slots.held === 0 && this.#busy === 0 && !(await this.#somethingDue())) {
      if (this.#guard.trying) await this.#guard.nothingToTry();
      return NOTHING;
    }
    if (!this.#slots.full && this.#slots.free === 0) {
      await this.#slots.take();
      void this.#begin(); // what was ready when the slots were lost goes on now
    }
    if (this.#slots.held === 0) {
      await this.#yieldReady(() => true); // whoever has the slots can have them
      return { taken: 0, slotless: true };
    }
    const room = this.#room();
    if (room <= 0) return NOTHING;
    const trying = this.#guard.trying;
    const claimedAt = performance.now();
    const { lanes: claimed, nextMs } = await store.claim(connection.name, room, trying, this.#budget.usedUp);
    const round = { taken: claimed.length, full: claimed.length >= room, nextMs: nextMs ?? null };
    if (claimed.length === 0) {
      if (trying) await this.#guard.nothingToTry();
      return round;
    }
    // crashpoint delivery.after-claim
    for (const { id, token, ordered } of claimed) {
      this.#leased.set(id, { id, token });
      if (ordered) this.#ordered.add(id);
    }
    this.#busy += claimed.length;
    let decided;
    try {
      decided = await prepare(this.#options, claimed);
    } catch (cause) {
      this.#busy -= claimed.length;
      await this.#giveBack(claimed.map((lane) => ({ ...lane, dueMs: 1_000 }))).catch(() => {});
      throw cause;
    }
    this.#claimAhead.made(performance.now() - claimedAt);
    this.#busy -= decided.idle.length;
    for (const work of decided.work) this.#take(work, claimedAt);
    void this.#begin();
    if (decided.idle.length > 0) {
      await this.#giveBack(decided.idle.map(({ lane, dueMs }) => ({ ...lane, dueMs })));
      for (const { dueMs } of decided.idle) this.#wakeIn(dueMs);
    }
    if (trying && this.#busy === 0) await this.#guard.nothingToTry();
    return round;
  }

  /** Whether slots are worth taking: an idle process leaves them to others. */
  async #somethingDue(): Promise<boolean> {
    if (!this.#guard.closed && !this.#guard.trying) return false;
    const next = await this.#options.store.nextDue(this.name);
    return next !== undefined && next <= 0;
  }

  /** How long to sleep after a round; 0 to go on at once. */
  async #pause({ taken, full, nextMs }: Round): Promise<number> {
    const { store, connection } = this.#options;
    if (this.#room() <= 0) {
      this.#wantsRoom = true;
      return LONGEST_SLEEP_MS;
    }
    if (full) return 0;
    if (this.#budget.usedUp) return LONGEST_SLEEP_MS;
    const next = nextMs === undefined ? ((await store.nextDue(connection.name)) ?? null) : nextMs;
    if (next === null) return LONGEST_SLEEP_MS;
    if (next > 0) return Math.min(next + 1, LONGEST_SLEEP_MS);
    if (this.#slots.held === 0) return NO_SLOT_MS;
    if (taken > 0) return 0;
    await this.#guard.refresh(); // due, and not to be had: held, paused, or another process is about to take it
    return this.#guard.closed ? Math.min(Math.max(this.#guard.heldMs, 20), LONGEST_SLEEP_MS) : LONGEST_SLEEP_MS;
  }

  /** Starts what was decided for one lane, which was loaded after `claimedAt` (monotonic ms). */
  #take(work: Work, claimedAt: number): void {
    const { step, now } = work;
    const { log, store, connection } = this.#options;
    if (step.do === 'send') {
      const bounds = { leaseMs: store.leaseMs, timeoutMs: connection.timeoutMs };
      const ends = repeatableUntil(work.attempts, work.declaration, bounds);
      const until = ends === null ? undefined : claimedAt + ends.getTime() - now.getTime();
      this.#ready.push({ work, request: step.request, absent: step.absent, until });
      return;
    }
    withoutRequest(this.#desk, work)
      .then(async (next) => {
        if (next === undefined) return this.#done(work);
        if (!this.#stopping) {
          this.#ready.push(next);
          void this.#begin();
          return;
        }
        await store.release([{ ...work.lane, dueMs: 0 }]); // what was ready has been given back already
        this.#done(work);
      })
      .catch(async (cause: unknown) => {
        log.error({ err: cause, delivery: String(work.delivery.id) }, 'a delivery could not be handled, trying again');
        await store.release([{ ...work.lane, dueMs: AGAIN_MS }]).catch(() => {}); // then its lease decides
        this.#wakeIn(AGAIN_MS);
        this.#done(work);
      });
  }

  /** Writes attempt rows for what is ready, as many at once as there is room for, and sends. */
  async #begin(): Promise<void> {
    if (this.#beginning) return;
    this.#beginning = true;
    try {
      while (!this.#stopping && this.#ready.length > 0) {
        const group = await this.#permitted();
        if (group.length === 0) break;
        const begunAt = performance.now();
        const rows = group.map(({ work, request, absent }) => ({
          lane_id: String(work.lane.id),
          token: String(work.lane.token),
          delivery_id: String(work.delivery.id),
          flow: work.delivery.flow,
          operation: request.operation,
          request_key: request.requestKey,
          target_id: request.targetId,
          ...bodyOf(work.delivery.body, request.body),
          request_hash: request.requestHash,
          content_hash: request.contentHash,
          absent,
          revision: work.delivery.version.revision,
          give_up_ms: Math.ceil(this.#options.store.leaseMs / 3 + this.#options.connection.timeoutMs),
        }));
        let begun;
        try {
          // crashpoint delivery.before-attempt
          begun = await this.#options.store.begin(rows);
          this.#beginAhead.made(performance.now() - begunAt);
        } catch (cause) {
          // unknown whether they were written, certain that nothing was sent: the next claim resolves what was written as in doubt
          this.#options.log.warn({ err: cause }, `${this.name}: writing attempts failed`);
          this.#busy -= group.length;
          await this.#giveBack(group.map(({ work }) => ({ ...work.lane, dueMs: 500 }))).catch(() => {});
          continue;
        }
        // crashpoint delivery.after-attempt
        const numbers = new Map(begun.map((row) => [row.lane_id, row]));
        const paused: Held[] = [];
        for (const item of group) {
          const { id, token } = item.work.lane;
          const row = numbers.get(id);
          // not by the lane alone: the group may also hold it as it was claimed before, when our own lease was over
          if (row?.token !== token) {
            this.#options.metrics.count('staleWrites', {});
            this.#done(item.work);
          } else if (row.n === null) paused.push(item.work.lane);
          else {
            this.#begun++;
            this.#ordered.delete(id);
            void this.#deliver(item, row.n, begunAt);
          }
        }
        // due at once and not when the flow is resumed: whoever claims them decides anew, and puts them to sleep so that a resume wakes them
        this.#busy -= paused.length;
        await this.#budget.charge(-paused.length).catch(() => {});
        await this.#giveBack(paused.map((lane) => ({ ...lane, dueMs: 0 }))).catch(() => {});
      }
    } catch (cause) {
      this.#options.log.warn({ err: cause }, `${this.name}: asking for the rate failed, trying again`);
      setTimeout(() => void this.#begin(), 500).unref();
    } finally {
      this.#beginning = false;
    }
  }

  /**
   * Those whose attempts may be written now: for free slots, and some more that wait in hand for the next free one. What
   * cannot go out for long is given back. Nothing that can fail comes after they are taken out of what is ready.
   */
  async #permitted(): Promise<Sendable[]> {
    if (!this.#guard.closed && !this.#guard.trying) await this.#yieldReady(() => true);
    if (this.#budget.usedUp) await this.#yieldReady(({ work }) => !this.#ordered.has(work.lane.id));
    this.#yieldOver();
    const ahead = this.#ready.some(({ work, request }) => repeatWord(work.declaration, request.operation) === 'never')
      ? 0
      : this.#beginAhead.of(this.#slots.held);
    const room = Math.min(this.#slots.held + ahead - this.#begun, this.#ready.length);
    if (room <= 0 || this.#rateTimer !== undefined) return [];
    if (!this.#budget.limited) return this.#ready.splice(0, room);
    const ordered = this.#ready.filter(({ work }) => this.#ordered.has(work.lane.id));
    const group = ordered.length > 0 ? ordered.slice(0, room) : this.#ready.slice(0, room);
    const { granted, nextMs } = await this.#budget.take(group.length, ordered.length > 0);
    if (granted < group.length)
      this.#rateTimer = setTimeout(
        () => {
          this.#rateTimer = undefined;
          this.#bell.ring();
          void this.#begin();
        },
        Math.min(Math.max(1, nextMs), LONGEST_SLEEP_MS),
      );
    this.#yieldOver();
    const begun = new Set(group.slice(0, granted).filter((item) => this.#ready.includes(item)));
    this.#keep((item) => !begun.has(item));
    return [...begun];
  }

  /** A look is a request too. False: the lane waits for another day, and was given back. */
  async #mayLook(lane: Held): Promise<boolean> {
    for (;;) {
      const { granted, nextMs } = await this.#budget.take(1, this.#ordered.has(lane.id));
      if (granted > 0) return true;
      if (this.#stopping || this.#budget.usedUp) break;
      await new Promise((resolve) => setTimeout(resolve, Math.min(Math.max(1, nextMs), LONGEST_SLEEP_MS)));
    }
    await this.#options.store.release([{ ...lane, dueMs: 0 }]);
    return false;
  }

  #keep(which: (item: Sendable) => boolean): Sendable[] {
    const gone = this.#ready.filter((item) => !which(item));
    this.#ready.splice(0, this.#ready.length, ...this.#ready.filter(which));
    return gone;
  }

  /** Gives back what is ready and not begun. */
  async #yieldReady(which: (item: Sendable) => boolean): Promise<void> {
    const gone = this.#keep((item) => !which(item));
    this.#busy -= gone.length;
    await this.#giveBack(gone.map(({ work }) => ({ ...work.lane, dueMs: 0 })));
  }

  /** Repeats whose key may have ended since they were decided: the next claim decides them anew. They are out of what is ready at once. */
  #yieldOver(): void {
    const now = performance.now();
    void this.#yieldReady(({ until }) => until !== undefined && until < now).catch(() => {}); // then their leases end
  }

  async #deliver(item: Sendable, n: number, begunAt: number): Promise<void> {
    await deliver(this.#desk, item, n, begunAt, (tookMs) => {
      this.#beginAhead.used(tookMs);
      this.#claimAhead.used(tookMs);
      this.#begun--;
      this.#busy--;
      if (this.#wantsRoom) this.#bell.ring();
      void this.#begin();
    });
    this.#forget(item.work.lane);
  }

  #done(work: Work): void {
    this.#busy--;
    this.#forget(work.lane);
  }

  /** The lane is given back; unless this process has claimed it anew meanwhile, under another token. */
  #forget(lane: Held): void {
    if (this.#leased.get(lane.id)?.token === lane.token) {
      this.#leased.delete(lane.id);
      this.#ordered.delete(lane.id);
    }
    this.#bell.ring();
  }

  async #giveBack(lanes: readonly (Held & { dueMs: number | null })[]): Promise<void> {
    for (const lane of lanes) this.#forget(lane);
    if (lanes.length === 0) return;
    await this.#options.store.release(lanes);
    this.#bell.ring(); // it may have been asked when the next is due before they were
  }

  /** Slots and lanes each by themselves: one that fails or hangs must not cost us the other. */
  async #renew(): Promise<void> {
    await Promise.all([this.#slots.keep(), this.#renewLanes()]);
  }

  async #renewLanes(): Promise<void> {
    if (this.#leased.size === 0) return;
    const held = [...this.#leased.values()];
    const kept = await this.#options.store.renew(held);
    for (const lane of held) {
      if (kept.has(lane.id) || this.#leased.get(lane.id)?.token !== lane.token) continue;
      const at = this.#ready.findIndex(({ work }) => work.lane.id === lane.id && work.lane.token === lane.token);
      if (at >= 0) this.#done(this.#ready.splice(at, 1)[0]!.work);
    }
  }

  #wakeIn(ms: number | null): void {
    if (ms === null || this.#stopping || ms > LONGEST_SLEEP_MS) return;
    const timer = setTimeout(() => {
      this.#wakeTimers.delete(timer);
      this.#bell.ring();
    }, ms);
    this.#wakeTimers.add(timer);
  }
}

/** A request whose bytes are the revision's own refers to them. */
const bodyOf = (revision: string | null, body: string | null): Pick<BegunAttempt, 'body' | 'body_of_revision'> =>
  body !== null && body === revision ? { body: null, body_of_revision: true } : { body, body_of_revision: false };
