import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { WriteResult } from '#contracts';
import { ENTRY } from '../../test/memory-target.ts';
import type { Delivery, Lane, Prepared } from './lane.ts';
import { settle } from './outcome.ts';
import { PARKED_RETRY_MS, type Ladder } from './retry.ts';
import type { Context, Ended, Settlement, Told } from './settlement.ts';

const HOUR_MS = 3_600_000;
const REAUTH_MS = 300_000;
const LADDER_MS = [5_000, 30_000, 120_000, 600_000];

/** What a schedule comes to, in the plainest words: how many rungs are used up, and whether the lane is parked. */
interface Model {
  failures: number;
  parked: boolean;
}

/** The delivery itself: what `settle` made of it is what its next failure finds. */
class Schedule {
  step = 0;
  last: Settlement | undefined;
  readonly #ladder: Ladder;

  constructor(jitter: number) {
    this.#ladder = { ladderMs: LADDER_MS, jitter };
  }

  ends(ended: Exclude<Ended, { outcome: 'duplicate' }>, chance: number, told: Told = 'first'): Settlement {
    const delivery = { step: this.step } as Delivery;
    const request = { operation: 'create', requestHash: 'r', contentHash: 'c' } as Prepared;
    const context: Context = {
      lane: {} as Lane,
      delivery,
      request,
      declaration: ENTRY,
      ladder: this.#ladder,
      doubtful: false,
      more: false,
      told,
      reauthMs: REAUTH_MS,
      chance,
    };
    this.last = settle(ended, context);
    this.step = this.last.step;
    return this.last;
  }
}

type Step = fc.Command<Model, Schedule>;
const JITTER = 0.2;
const spread = (ms: number): [number, number] => [Math.round(ms * (1 - JITTER)), Math.round(ms * (1 + JITTER))];

function climbs(model: Model, settled: Settlement, parkedMs: number | null, toldMs = 0): void {
  const { status, nextInMs, dueInMs, connection } = settled;
  expect(connection).toBeNull();
  expect(dueInMs).toBe(nextInMs);
  const rung = LADDER_MS[model.failures];
  if (rung === undefined) {
    model.parked = true;
    expect(status).toBe('PARKED');
    expect(nextInMs).toBe(parkedMs);
    return;
  }
  model.failures++;
  const [least, most] = spread(rung);
  expect(status).toBe('RETRY_WAIT');
  expect(nextInMs).toBeGreaterThanOrEqual(Math.max(least, toldMs));
  expect(nextInMs).toBeLessThanOrEqual(Math.max(most, toldMs));
}

/** A failure that climbs: the rung's wait within its jitter, and after the last one parked, tried by the hour if it may heal. */
class Fails implements Step {
  constructor(
    readonly errorClass: 'CONNECTION' | 'INTERMITTENT' | 'CREDIT',
    readonly chance: number,
  ) {}
  check = (): boolean => true;
  run(model: Model, real: Schedule): void {
    const result: WriteResult = { outcome: 'retry', errorClass: this.errorClass, message: 'no' };
    climbs(model, real.ends(result, this.chance), this.errorClass === 'CREDIT' ? null : PARKED_RETRY_MS);
  }
  toString = (): string => `fails (${this.errorClass}, ${this.chance})`;
}

const toldMs = (afterMs: number): number => (afterMs === 0 ? 1_000 : Math.min(afterMs, HOUR_MS));

/** The target says when: that counts, from a second to an hour, holds the connection and climbs nothing; again it lets others go first. */
class IsTold implements Step {
  constructor(
    readonly afterMs: number,
    readonly httpStatus: 429 | 503,
    readonly told: 'first' | 'again',
  ) {}
  check = (): boolean => true;
  run(_: Model, real: Schedule): void {
    const { status, nextInMs, connection } = real.ends(told(this.afterMs, this.httpStatus), 0.5, this.told);
    const forMs = toldMs(this.afterMs);
    expect(status).toBe('RETRY_WAIT');
    expect(nextInMs).toBe(forMs + (this.told === 'first' ? 0 : 1_000));
    expect(connection).toEqual({ do: 'hold', forMs });
  }
  toString = (): string => `is told to wait ${this.afterMs} ms (${this.httpStatus}, ${this.told})`;
}

/** It says so to one record while others go through, or only of the record: that climbs, and waits no less than it is told. */
class IsToldAlone implements Step {
  constructor(
    readonly afterMs: number,
    readonly httpStatus: 423 | 429 | 503,
  ) {}
  check = (): boolean => true;
  run(model: Model, real: Schedule): void {
    const settled = real.ends(told(this.afterMs, this.httpStatus), 0.5, this.httpStatus === 423 ? 'first' : 'alone');
    climbs(model, settled, PARKED_RETRY_MS, toldMs(this.afterMs));
  }
  toString = (): string => `is told to wait ${this.afterMs} ms (${this.httpStatus}), alone`;
}

const told = (retryAfterMs: number, httpStatus: number): Extract<WriteResult, { outcome: 'retry' }> => ({
  outcome: 'retry',
  errorClass: httpStatus === 429 ? 'RATE_LIMIT' : 'INTERMITTENT',
  message: 'slower',
  httpStatus,
  retryAfterMs,
});

/** A closed period is asked for again by the hour or sooner, however often, and climbs nothing. */
class MeetsAClosedPeriod implements Step {
  check = (): boolean => true;
  run(_: Model, real: Schedule): void {
    const closed: WriteResult = { outcome: 'retry', errorClass: 'CLOSED_PERIOD', message: 'closed' };
    expect(real.ends(closed, 0.5)).toMatchObject({ status: 'HELD_PERIOD', nextInMs: Math.max(...LADDER_MS) });
  }
  toString = (): string => 'meets a closed period';
}

/** Credentials and our own reasons not to send burn nothing; credentials that are refused again are tried when others were. */
class WasNotItsFault implements Step {
  constructor(
    readonly ended: Exclude<Ended, { outcome: 'duplicate' }>,
    readonly told: 'first' | 'again' = 'first',
  ) {}
  check = (): boolean => true;
  run(_: Model, real: Schedule): void {
    const { status, dueInMs, attempt } = real.ends(this.ended, 0.5, this.told);
    expect({ status, dueInMs }).toEqual({ status: 'PENDING', dueInMs: this.told === 'first' ? 0 : 2 * REAUTH_MS });
    expect(attempt!.counts).toBe(false);
  }
  toString = (): string => `was not its fault (${this.ended.outcome}, ${this.told})`;
}

/** Credentials that are refused to one record alone are a failure of that record, and pause nobody. */
class IsRefusedAlone implements Step {
  check = (): boolean => true;
  run(model: Model, real: Schedule): void {
    const settled = real.ends(REFUSED, 0.5, 'alone');
    climbs(model, settled, null);
    expect(settled.attempt!.counts).toBe(true);
  }
  toString = (): string => 'is refused alone';
}

const REFUSED = { outcome: 'retry', errorClass: 'AUTH', message: 'who are you', httpStatus: 401 } as const;

const waits = fc.constantFrom(0, 1, 5_000, HOUR_MS, 9 * HOUR_MS);
const steps = fc.commands(
  [
    fc
      .tuple(
        fc.constantFrom('CONNECTION' as const, 'INTERMITTENT' as const, 'CREDIT' as const),
        fc.double({ min: 0, max: 0.999_999, noNaN: true }),
      )
      .map(([errorClass, chance]) => new Fails(errorClass, chance)),
    fc.tuple(waits, fc.constantFrom(429, 503), fc.constantFrom('first', 'again')).map((given) => new IsTold(...given)),
    fc.tuple(waits, fc.constantFrom(423, 429, 503)).map((given) => new IsToldAlone(...given)),
    fc.constant(new MeetsAClosedPeriod()),
    fc
      .constantFrom<Exclude<Ended, { outcome: 'duplicate' }>>(
        REFUSED,
        { outcome: 'not-sent', why: 'breaker' },
        { outcome: 'not-sent', why: 'too-late' },
      )
      .map((ended) => new WasNotItsFault(ended)),
    fc.constant(new WasNotItsFault(REFUSED, 'again')),
    fc.constant(new IsRefusedAlone()),
  ],
  { maxCommands: 25 },
);

describe('the retry schedule', () => {
  it('climbs by failures alone, each rung once, and then parks, whatever comes between', () => {
    fc.assert(
      fc.property(steps, (commands) => {
        fc.modelRun(() => {
          const [model, real]: [Model, Schedule] = [{ failures: 0, parked: false }, new Schedule(JITTER)];
          return { model, real };
        }, commands);
      }),
      { numRuns: 1_000 },
    );
  });

  it('ends with success or refusal at any rung', () => {
    for (let failures = 0; failures <= LADDER_MS.length; failures++) {
      const schedule = new Schedule(0);
      for (let n = 0; n < failures; n++)
        schedule.ends({ outcome: 'retry', errorClass: 'CONNECTION', message: 'no' }, 0.5);
      expect(schedule.ends({ outcome: 'rejected', errorClass: 'VALUE', message: 'no' }, 0.5).status).toBe('DEAD');
    }
  });
});
