import type { Connection, FindResult, Target } from '#contracts';
import type { Logger, Metrics } from '#platform';
import type { SchemaSet } from '#schema';
import { duplicate, happened, settle, type Context, type Ended, type Settlement } from '../core/outcome.ts';
import type { Prepared } from '../core/lane.ts';
import { doubtsOf, looked, repeatWord } from '../core/resolver.ts';
import { again } from '../core/plan.ts';
import { lookAgainDelay } from '../core/retry.ts';
import { ENSURE_CONNECTION, TAKE_RATE } from '../sql/connection.ts';
import { Guard } from './guard.ts';
import { prepare, type Work } from './prepare.ts';
import type { Recorder } from './recorder.ts';
import { find, send } from './send.ts';
import { rowFor, settleRow } from './settle-row.ts';
import { Bell } from './signal.ts';
import { Slots } from './slots.ts';
import type { Held, Store } from './store.ts';

export interface WorkerOptions {
  store: Store;
  recorder: Recorder;
  connection: Connection;
  target: Target;
  schemas: SchemaSet;
  metrics: Metrics;
  log: Logger;
  reauthMs: number;
}

interface Sendable {
  work: Work;
  request: Prepared;
  absent: boolean;
}

/** Longest sleep of the claim loop, ms: what NOTIFY missed is found by then. */
const LONGEST_SLEEP_MS = 1_000;
/** Slots without work go back after this, ms. */
const IDLE_SLOTS_MS = 2_000;

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
  readonly #guard: Guard;
  readonly #slots: Slots;
  readonly #bell = new Bell();
  readonly #ready: Sendable[] = [];
  /** every lane this process has claimed and not yet given back */
  readonly #leased = new Map<bigint, Held>();
  /** lanes between claim and answer */
  #busy = 0;
  /** attempts written whose answer is not there yet */
  #begun = 0;
  #beginning = false;
  #stopping = false;
  #loop: Promise<void> | undefined;
  #rateTimer: NodeJS.Timeout | undefined;
  #timers: NodeJS.Timeout[] = [];
  readonly #wakeTimers = new Set<NodeJS.Timeout>();

  constructor(options: WorkerOptions) {
    this.#options = options;
    const { store, connection, target, metrics, log } = options;
    this.#guard = new Guard({
      database: store.database,
      connection,
      target,
      holder: store.holder,
      metrics,
      log,
      reauthMs: options.reauthMs,
      changed: () => this.#bell.ring(),
    });
    this.#slots = new Slots({
      database: store.database,
      connection: connection.name,
      holder: store.holder,
      most: connection.budget.concurrency,
      leaseMs: store.leaseMs,
    });
  }

  get name(): string {
    return this.#options.connection.name;
  }

  async start(): Promise<void> {
    const { store, connection, log } = this.#options;
    await store.database.query(ENSURE_CONNECTION, [connection.name, connection.budget.concurrency]);
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
    await this.#giveBack(ready.map(({ work }) => ({ ...work.lane, dueMs: 0 })));
    const until = performance.now() + deadlineMs;
    while (this.#leased.size > 0 && performance.now() < until)
      await this.#bell.wait(Math.min(100, Math.max(1, until - performance.now())));
    for (const timer of this.#timers) clearInterval(timer);
    await this.#slots.give(0).catch(() => {});
  }

  async #run(): Promise<void> {
    const { log, connection } = this.#options;
    let idleSince = performance.now();
    while (!this.#stopping) {
      let sleep: number;
      try {
        const taken = await this.#claim();
        if (taken > 0 || this.#busy > 0) idleSince = performance.now();
        else if (performance.now() - idleSince > IDLE_SLOTS_MS) await this.#slots.give(1);
        sleep = await this.#pause(taken);
      } catch (cause) {
        log.warn({ err: cause }, `${connection.name}: claiming failed, trying again`);
        sleep = 500;
      }
      if (sleep > 0 && !this.#stopping) await this.#bell.wait(sleep);
    }
  }

  /** How many more lanes to take: our slots and a little more, never more than are being prepared already. */
  #room(): number {
    if (this.#guard.trying) return this.#busy > 0 ? 0 : 1;
    if (!this.#guard.closed || this.#rateTimer !== undefined) return 0;
    const ahead = Math.max(1, Math.ceil(this.#slots.held / 2));
    return this.#slots.held + ahead - this.#busy;
  }

  async #claim(): Promise<number> {
    const { store, connection } = this.#options;
    if (!this.#slots.full && this.#slots.free === 0) await this.#slots.take();
    if (this.#slots.held === 0) return 0;
    const room = this.#room();
    if (room <= 0) return 0;
    const trying = this.#guard.trying;
    const claimed = await store.claim(connection.name, room, trying);
    if (claimed.length === 0) {
      if (trying) await this.#guard.nothingToTry();
      return 0;
    }
    for (const { id, token } of claimed) this.#leased.set(id, { id, token });
    this.#busy += claimed.length;
    let decided;
    try {
      decided = await prepare(this.#options, claimed);
    } catch (cause) {
      this.#busy -= claimed.length;
      await this.#giveBack(claimed.map((lane) => ({ ...lane, dueMs: 1_000 }))).catch(() => {});
      throw cause;
    }
    this.#busy -= decided.idle.length;
    if (decided.idle.length > 0) {
      await this.#giveBack(decided.idle.map(({ lane, dueMs }) => ({ ...lane, dueMs })));
      for (const { dueMs } of decided.idle) this.#wakeIn(dueMs);
    }
    for (const work of decided.work) this.#take(work);
    if (trying && this.#ready.length === 0 && this.#busy === 0) await this.#guard.nothingToTry();
    void this.#begin();
    return claimed.length;
  }

  /** How long to sleep after a claim that took `taken`; 0 to go on at once. */
  async #pause(taken: number): Promise<number> {
    const { store, connection } = this.#options;
    if (this.#room() <= 0) return LONGEST_SLEEP_MS;
    if (taken > 0) return 0;
    const next = await store.nextDue(connection.name);
    if (next === undefined) return LONGEST_SLEEP_MS;
    if (next > 0) return Math.min(next + 1, LONGEST_SLEEP_MS);
    await this.#guard.refresh(); // due, and not to be had: held, paused, or another process is about to take it
    return this.#guard.closed ? Math.min(Math.max(this.#guard.heldMs, 20), LONGEST_SLEEP_MS) : LONGEST_SLEEP_MS;
  }

  /** Starts what was decided for one lane. */
  #take(work: Work): void {
    const { step } = work;
    if (step.do === 'send') {
      this.#ready.push({ work, request: step.request, absent: step.absent });
      return;
    }
    const { log } = this.#options;
    this.#other(work)
      .catch((cause: unknown) => {
        log.error({ err: cause, delivery: String(work.delivery.id) }, 'a delivery could not be handled');
      })
      .then((next) => {
        if (next === undefined) this.#done(work);
        else {
          this.#ready.push(next);
          void this.#begin();
        }
      });
  }

  /** Everything but a request; answers with one where a look says that it is to be sent again. */
  async #other(work: Work): Promise<Sendable | void> {
    const { store, recorder } = this.#options;
    const { lane, delivery, declaration, step } = work;
    const nature = declaration.nature;
    switch (step.do) {
      case 'finish':
        await recorder.record({
          lane,
          nature,
          row: rowFor(lane, delivery, step.status, { step: 0, effect: step.effect, due_ms: 0 }),
        });
        return;
      case 'review':
        await recorder.record({
          lane,
          nature,
          row: rowFor(lane, delivery, 'HELD_REVIEW', { review: step.reason, due_ms: nature === 'state' ? 0 : null }),
        });
        return;
      case 'fail':
        await recorder.record({
          lane,
          nature,
          row: rowFor(lane, delivery, 'DEAD', {
            error_class: step.errorClass,
            error: step.message,
            due_ms: nature === 'state' ? 0 : null,
          }),
        });
        return;
      case 'hold': {
        const held = await store.hold(lane, delivery, step.missing, nature === 'state');
        if (held === 'found') await store.release([{ ...lane, dueMs: 0 }]);
        return;
      }
      case 'park':
        await recorder.record({
          lane,
          nature,
          row: rowFor(lane, delivery, 'PARKED', {
            error_class: step.errorClass,
            error: step.message,
            keeps_doubt: true,
          }),
        });
        return;
      case 'happened':
        await recorder.record(
          settleRow(
            lane,
            delivery,
            declaration,
            happened(this.#context(work, again(step.attempt), true), step.targetId),
            null,
            true,
          ),
        );
        return;
      case 'not-happened':
        await recorder.record({
          lane,
          nature,
          row: rowFor(lane, delivery, step.refused ? 'DEAD' : 'RETRY_WAIT', {
            error_class: step.refused ? 'VALUE' : 'CONNECTION',
            error: step.refused
              ? 'refused by the target, as an answer said that came late'
              : 'not sent, as was learnt late',
            closes: 'absent',
            due_ms: 0,
          }),
        });
        return;
      case 'look':
        return this.#look(work, again(step.attempt));
    }
  }

  async #look(work: Work, request: Prepared): Promise<Sendable | void> {
    const { recorder, connection, target } = this.#options;
    const { lane, delivery, declaration, attempts } = work;
    await this.#slots.enter();
    const askedAt = performance.now();
    const answer = await find(target, lane, request, connection.timeoutMs).finally(() => this.#slots.leave());
    const ms = performance.now() - askedAt;
    await this.#guard.ended(answer.found === 'failed' ? 'failure' : 'ok', ms, askedAt);
    // the lane was loaded before we asked: by the database's clock this is at most when we asked
    const next = looked(answer, attempts, declaration, work.now);
    const evidence = [evidenceOf(answer)];
    const nature = declaration.nature;
    switch (next.do) {
      case 'happened':
        await recorder.record(
          settleRow(
            lane,
            delivery,
            declaration,
            happened(this.#context(work, request, true), next.targetId),
            null,
            true,
            { evidence },
          ),
        );
        return;
      case 'repeat':
        return { work, request: next.request, absent: true };
      case 'wait-for-settle': {
        const due = Math.max(0, next.dueAt.getTime() - work.now.getTime() - ms) + 1;
        await recorder.record({
          lane,
          nature,
          row: rowFor(lane, delivery, 'UNKNOWN', {
            error_class: 'UNKNOWN_OUTCOME',
            error: 'not found yet; asked again after the settle time',
            evidence,
            looked: true,
            keeps_doubt: true,
            due_ms: due,
          }),
        });
        this.#wakeIn(due);
        return;
      }
      case 'look-again': {
        const due = lookAgainDelay(connection.retry, delivery.step);
        await recorder.record({
          lane,
          nature,
          row: rowFor(lane, delivery, 'UNKNOWN', {
            error_class: 'UNKNOWN_OUTCOME',
            error: 'the look for it failed',
            step: delivery.step + 1,
            evidence,
            keeps_doubt: true,
            next_ms: due,
            due_ms: due,
          }),
        });
        this.#wakeIn(due);
        return;
      }
      case 'park':
        await recorder.record({
          lane,
          nature,
          row: rowFor(lane, delivery, 'PARKED', {
            error_class: next.errorClass,
            error: next.message,
            evidence,
            keeps_doubt: true,
          }),
        });
    }
  }

  /** Writes attempt rows for what is ready, as many at once as there is room for, and sends. */
  async #begin(): Promise<void> {
    if (this.#beginning) return;
    this.#beginning = true;
    try {
      while (!this.#stopping && this.#ready.length > 0) {
        const most = await this.#permitted();
        if (most <= 0) break;
        const group = this.#ready.splice(0, most);
        const begunAt = performance.now();
        const rows = group.map(({ work, request, absent }) => ({
          lane_id: String(work.lane.id),
          token: String(work.lane.token),
          delivery_id: String(work.delivery.id),
          operation: request.operation,
          request_key: request.requestKey,
          target_id: request.targetId,
          body: request.body,
          request_hash: request.requestHash,
          content_hash: request.contentHash,
          absent,
          revision: work.delivery.version.revision,
          give_up_ms: Math.ceil(this.#options.store.leaseMs / 3 + this.#options.connection.timeoutMs),
        }));
        let begun;
        try {
          begun = await this.#options.store.begin(rows);
        } catch (cause) {
          // unknown whether they were written: their leases end, and what was written is resolved as in doubt
          this.#options.log.warn({ err: cause }, `${this.name}: writing attempts failed`);
          for (const { work } of group) this.#done(work);
          continue;
        }
        const numbers = new Map(begun.map((row) => [row.lane_id, row.n]));
        for (const item of group) {
          const n = numbers.get(item.work.lane.id);
          if (n === undefined) {
            this.#options.metrics.count('staleWrites', {});
            this.#done(item.work);
          } else {
            this.#begun++;
            void this.#deliver(item, n, begunAt);
          }
        }
      }
    } finally {
      this.#beginning = false;
    }
  }

  /** How many attempts may be written now: free slots, and an eighth more that wait in hand for the next free one. */
  async #permitted(): Promise<number> {
    const { connection, store } = this.#options;
    const ahead = this.#ready.some(({ work, request }) => repeatWord(work.declaration, request.operation) === 'never')
      ? 0
      : Math.ceil(this.#slots.held / 8);
    const room = Math.min(this.#slots.held + ahead - this.#begun, this.#ready.length);
    const perMinute = connection.budget.requestsPerMinute;
    if (room <= 0 || perMinute === undefined) return room;
    if (this.#rateTimer !== undefined) return 0;
    // a second's worth may go at once; spaced so that no minute sees more than was agreed
    const burst = Math.max(1, Math.floor(perMinute / 60));
    const spacing = 60_000 / Math.max(1, perMinute - (burst > 1 ? burst : 0));
    const [row] = await store.database.query<{ granted: number; nextMs: number }>(TAKE_RATE, [
      connection.name,
      room,
      spacing,
      burst,
    ]);
    if (row === undefined) return 0;
    if (row.granted < room)
      this.#rateTimer = setTimeout(
        () => {
          this.#rateTimer = undefined;
          this.#bell.ring();
          void this.#begin();
        },
        Math.max(1, row.granted === 0 ? row.nextMs : spacing),
      );
    return row.granted;
  }

  async #deliver({ work, request, absent }: Sendable, n: number, begunAt: number): Promise<void> {
    const { store, recorder, connection, target, metrics, log } = this.#options;
    const { lane, delivery, declaration, attempts } = work;
    try {
      await this.#slots.enter();
      const sentAt = performance.now();
      let answer: { ended: Ended; durationMs: number };
      let found: FindResult | undefined;
      try {
        answer = await send({
          target,
          lane,
          request,
          begunAt,
          leaseMs: store.leaseMs,
          timeoutMs: connection.timeoutMs,
          stop: () => (this.#guard.closed || this.#guard.trying ? undefined : 'breaker'),
        });
        if (answer.ended.outcome === 'duplicate' && declaration.canFind)
          found = await find(target, lane, request, connection.timeoutMs);
      } finally {
        this.#slots.leave();
        this.#begun--;
        this.#busy--;
        this.#bell.ring();
        void this.#begin();
      }
      const doubtful = !absent && doubtsOf(attempts).length > 0;
      const context = this.#context(work, request, doubtful);
      const ended = await this.#forbidden(answer.ended);
      const settlement =
        ended.outcome === 'duplicate' ? duplicate(context, ended.httpStatus, idOf(found)) : settle(ended, context);
      metrics.count('attempts', { connection: connection.name, outcome: settlement.attempt?.outcome ?? ended.outcome });
      metrics.observe('attemptSeconds', { connection: connection.name }, (performance.now() - begunAt) / 1000);
      if (ended.outcome !== 'not-sent') await this.#guard.ended(feeds(ended), answer.durationMs, sentAt);
      if (settlement.connection?.do === 'hold') await this.#guard.hold(settlement.connection.forMs);
      if (settlement.connection?.do === 'reauth') await this.#guard.needsReauth(settlement.connection.reason);
      const evidence = found === undefined ? undefined : [evidenceOf(found)];
      const recorded = await recorder.record(
        settleRow(lane, delivery, declaration, settlement, n, doubtful, { evidence, requestHash: request.requestHash }),
      );
      if (!recorded) await this.#keepLate(work, n, ended, settlement);
      else this.#wakeIn(settlement.dueInMs);
    } catch (cause) {
      log.error(
        { err: cause, delivery: String(delivery.id) },
        'recording an attempt failed: its lease ends and it is resolved as in doubt',
      );
    } finally {
      this.#leased.delete(lane.id);
      this.#bell.ring();
    }
  }

  async #keepLate(work: Work, n: number, ended: Ended, settlement: Settlement): Promise<void> {
    const outcome = settlement.attempt?.outcome;
    const definite = outcome === 'done' || outcome === 'rejected' || outcome === 'not-sent' ? outcome : null;
    const status = 'httpStatus' in ended ? ended.httpStatus : undefined;
    await this.#options.store.lateAnswer(
      work.delivery.id,
      n,
      { late: true, at: new Date().toISOString(), outcome: ended.outcome, httpStatus: status ?? null },
      definite,
      settlement.targetId,
    );
  }

  /** 403 means the record, unless our credentials as a whole are refused too: then it is as 401. */
  async #forbidden(ended: Ended): Promise<Ended> {
    if (ended.outcome !== 'rejected' || ended.httpStatus !== 403) return ended;
    const probed = await this.#guard.probe();
    if (probed === undefined || probed.ok) return { ...ended, errorClass: 'AUTH' };
    return { outcome: 'retry', errorClass: 'AUTH', message: ended.message, httpStatus: 403 };
  }

  #context(work: Work, request: Prepared, doubtful: boolean): Context {
    const { lane, delivery, declaration, more } = work;
    return {
      lane,
      delivery,
      declaration,
      request,
      ladder: this.#options.connection.retry,
      doubtful,
      more,
      chance: Math.random(),
    };
  }

  #done(work: Work): void {
    this.#busy--;
    this.#leased.delete(work.lane.id);
    this.#bell.ring();
  }

  async #giveBack(lanes: readonly (Held & { dueMs: number | null })[]): Promise<void> {
    for (const { id } of lanes) this.#leased.delete(id);
    if (lanes.length > 0) await this.#options.store.release(lanes);
  }

  async #renew(): Promise<void> {
    await this.#slots.keep();
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

/** What a call says of the connection's health: business refusals and being asked to slow down say nothing bad. */
function feeds(ended: Exclude<Ended, { outcome: 'not-sent' }>): 'ok' | 'failure' {
  if (ended.outcome === 'in-doubt') return 'failure';
  if (ended.outcome !== 'retry') return 'ok';
  return ended.errorClass === 'CONNECTION' || ended.errorClass === 'INTERMITTENT' ? 'failure' : 'ok';
}

const evidenceOf = (answer: FindResult): unknown => ({
  at: new Date().toISOString(),
  found: answer.found,
  asked: answer.evidence,
  ...(answer.found === 'one' ? { targetId: answer.targetId, requestKeyMatches: answer.requestKeyMatches } : {}),
});

function idOf(found: FindResult | undefined): Parameters<typeof duplicate>[2] {
  if (found === undefined) return 'cannot';
  if (found.found === 'one') return { id: found.targetId, ours: found.requestKeyMatches };
  return found.found;
}
