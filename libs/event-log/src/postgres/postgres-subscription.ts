import { randomUUID } from 'node:crypto';
import type { EventLog, RunningSubscription, StoppedPartition, Subscription } from '#contracts';
import type { Database } from '#db';
import { pauseFor } from '../handling.ts';
import { placeOf } from './commit.ts';
import { Committer } from './committer.ts';
import { Fetcher } from './fetch.ts';
import { balance, leave, othersRead, release } from './membership.ts';
import type { Member } from './membership.ts';
import { PartitionReader } from './partition-reader.ts';
import { partitionsWithMore } from './poll.ts';

/** what a lost notification costs at most */
const POLL_MS = 250;
const AFTER_FAILURE_MS = 500;
/** while no relay has vouched for a server that was started anew: one does within a second of its own start */
const UNVOUCHED_MS = 500;
const DEFAULT_MAX_BATCH = 500;
/** a handler that does not end within this is left behind uncommitted, so that a process can leave in time */
const STOP_LIMIT_MS = 15_000;

export interface SubscriptionContext {
  database: Database;
  append: EventLog['append'];
  /** tells the group's other members, in all processes, to balance now */
  announce(group: string): void;
  leaseMs: number;
  groups: {
    /** all members of this process */
    here(): readonly string[];
    /** a number that changes whenever a group did */
    changes(): number;
    /** whether anybody else reads this log, as it was at `changes` */
    othersRead(answer: boolean, changes: number): void;
  };
}

/**
 * A member of a group: two loops and one reader per leased partition.
 *
 * - membership: every third of a lease, and when told that the group changed: renew, take what is due, hand over surplus
 * - polling: one query over all partitions, at once when something was appended (told by NOTIFY), else every 250 ms
 */
export class PostgresSubscription implements RunningSubscription {
  readonly #subscription: Subscription;
  readonly #context: SubscriptionContext;
  readonly #me: Member;
  readonly #committer: Committer;
  readonly #fetcher: Fetcher;
  readonly #readers = new Map<string, PartitionReader>();
  readonly #stopping = new AbortController();
  readonly #firstBalance = Promise.withResolvers<void>();
  #balanceNow = new AbortController();
  #pollNow = new AbortController();
  /** how often something was announced: what came while a reader was busy is looked for when it is done */
  #announced = 0;
  #expiry: NodeJS.Timeout | undefined;
  #loops: Promise<unknown> = Promise.resolve();
  #unavailable = false;
  /** nothing may be taken: when that is said */
  #unvouched: number | undefined;

  constructor(subscription: Subscription, topics: ReadonlyMap<string, number>, context: SubscriptionContext) {
    this.#fetcher = new Fetcher(context.database);
    this.#committer = new Committer(context.database, subscription.group, (cause) =>
      this.#problem('committing failed; trying on', cause),
    );
    this.#subscription = subscription;
    this.#context = context;
    this.#me = { group: subscription.group, member: randomUUID(), leaseMs: context.leaseMs, topics };
  }

  /** uuid */
  get member(): string {
    return this.#me.member;
  }

  start(): void {
    this.#loops = Promise.all([this.#membership(), this.#polling()]);
  }

  ready(): Promise<void> {
    return this.#firstBalance.promise;
  }

  stopped(): StoppedPartition[] {
    return [...this.#readers.values()].map((reader) => reader.stopped).filter((place) => place !== undefined);
  }

  /** Something may have been appended. */
  wake(): void {
    this.#announced++;
    this.#pollNow.abort();
  }

  partitionsChanged(topic: string, message: string): void {
    if (!this.#subscription.topics.includes(topic)) return;
    this.#subscription.onProblem?.({ kind: 'partitions-changed', topic, partition: -1, message });
  }

  /**
   * This process appended `at`: readers of these partitions that sleep begin at once, one that is busy looks again when it is done.
   * One elsewhere is told by NOTIFY; one that is ours only from now on looks by itself.
   */
  appendedHere(at: readonly { topic: string; partition: number }[]): void {
    for (const place of new Set(at.map(placeOf))) this.#readers.get(place)?.tell();
  }

  /** Something was appended to these topics, elsewhere. */
  appended(topics: ReadonlySet<string>): void {
    if (this.#subscription.topics.some((topic) => topics.has(topic))) this.wake();
  }

  /** The group has changed, somewhere. */
  rebalance(group: string): void {
    if (group === this.#me.group) this.#balanceNow.abort();
  }

  async stop(): Promise<void> {
    if (this.#stopping.signal.aborted) return;
    this.#stopping.abort();
    for (const reader of this.#readers.values()) void reader.end(); // at once: no other batch begins while the loops end
    this.#balanceNow.abort();
    this.#pollNow.abort();
    await this.#loops;
    const ended = Promise.all([...this.#readers.values()].map((reader) => this.#handOver(reader)));
    const limit = new AbortController();
    await Promise.race([ended, pauseFor(STOP_LIMIT_MS, limit.signal)]);
    limit.abort();
    this.#committer.close();
    clearTimeout(this.#expiry);
    for (const reader of this.#readers.values()) reader.lose();
    await this.#guard(() => leave(this.#context.database, this.#me));
    this.#context.announce(this.#me.group);
    this.#firstBalance.resolve();
  }

  async #membership(): Promise<void> {
    let first = true;
    while (!this.#stopping.signal.aborted) {
      this.#balanceNow = new AbortController();
      const done = await this.#guard(() => this.#balance());
      if (done && first) {
        first = false;
        this.#firstBalance.resolve();
        this.#context.announce(this.#me.group);
      }
      if (this.#stopping.signal.aborted) return;
      const pause = this.#unvouched === undefined ? this.#me.leaseMs / 3 : Math.min(UNVOUCHED_MS, this.#me.leaseMs / 3);
      await pauseFor(done ? pause : AFTER_FAILURE_MS, this.#balanceNow.signal);
    }
  }

  async #balance(): Promise<void> {
    const { database } = this.#context;
    const began = performance.now();
    const { held, taken, surplus, waits } = await balance(database, this.#me);
    this.#expireAt(began + this.#me.leaseMs);
    this.#waits(waits);
    const tokens = new Map([...held, ...taken].map((lease) => [placeOf(lease), lease.token]));
    for (const [place, reader] of this.#readers)
      if (reader.over || tokens.get(place) !== reader.token) {
        reader.lose();
        this.#readers.delete(place);
      }
    for (const start of taken)
      this.#readers.set(
        placeOf(start),
        new PartitionReader(start, {
          ...this.#context,
          subscription: this.#subscription,
          maxBatch: this.#subscription.maxBatch ?? DEFAULT_MAX_BATCH,
          fetcher: this.#fetcher,
          committer: this.#committer,
          announced: () => this.#announced,
          asleep: () => this.#pollNow.abort(),
        }),
      );
    if (taken.length > 0) this.wake();
    for (const lease of held) {
      if (this.#readers.has(placeOf(lease))) continue;
      await release(database, this.#me.group, lease);
      this.#balanceNow.abort(); // taken anew at once, by whoever's it is
    }
    const { groups } = this.#context;
    const seen = groups.changes();
    groups.othersRead(await othersRead(database, groups.here()), seen);
    const handed = surplus.map((lease) => this.#readers.get(placeOf(lease))).filter((reader) => reader !== undefined);
    for (const reader of handed) void this.#handOver(reader).then(() => this.#context.announce(this.#me.group));
  }

  /** Said once, when it has lasted as long as a lease: a relay that runs vouches sooner. */
  #waits(waits: boolean): void {
    if (!waits) this.#unvouched = undefined;
    else if (this.#unvouched === undefined) this.#unvouched = performance.now() + this.#me.leaseMs;
    else if (performance.now() > this.#unvouched) {
      this.#unvouched = Infinity;
      this.#problem(
        'nothing is read: the server was started anew, and no relay has vouched for it yet; is one running?',
      );
    }
  }

  /** Finishes the batch in hand, then gives the lease back. */
  async #handOver(reader: PartitionReader): Promise<void> {
    await reader.end();
    if (this.#readers.get(placeOf(reader)) !== reader) return;
    this.#readers.delete(placeOf(reader));
    await this.#guard(() => release(this.#context.database, this.#me.group, reader));
  }

  /** Without a renewal our leases are over by then, whatever the reason: others may have taken them. */
  #expireAt(moment: number): void {
    clearTimeout(this.#expiry);
    this.#expiry = setTimeout(() => {
      for (const reader of this.#readers.values()) reader.lose();
      this.#readers.clear();
    }, moment - performance.now());
  }

  async #polling(): Promise<void> {
    while (!this.#stopping.signal.aborted) {
      this.#pollNow = new AbortController();
      const done = await this.#guard(() => this.#poll());
      if (this.#stopping.signal.aborted) return;
      await pauseFor(done ? POLL_MS : AFTER_FAILURE_MS, this.#pollNow.signal);
    }
  }

  async #poll(): Promise<void> {
    const idle = [...this.#readers.values()].filter((reader) => reader.idle);
    if (idle.length === 0) return;
    const more = await partitionsWithMore(this.#context.database, idle);
    for (const place of more) this.#readers.get(placeOf(place))?.wake();
  }

  /** False: the database could not be asked; said once per outage, tried again by the loops. */
  async #guard(work: () => Promise<unknown>): Promise<boolean> {
    try {
      await work();
      this.#unavailable = false;
      return true;
    } catch (cause) {
      if (!this.#unavailable) this.#problem('cannot reach the log; trying on', cause);
      this.#unavailable = true;
      return false;
    }
  }

  #problem(what: string, cause?: unknown): void {
    const { group, topics } = this.#subscription;
    const message = `${group}: ${what}`;
    this.#subscription.onProblem?.({ kind: 'unavailable', topic: topics[0] ?? '', partition: -1, message, cause });
  }
}
