import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { WriteResult } from '#contracts';
import { ENTRY } from '../../test/memory-target.ts';
import type { Delivery, Lane, Prepared } from './lane.ts';
import { settle } from './outcome.ts';
import { PARKED_RETRY_MS, type Ladder } from './retry.ts';
import type { Context, Ended, Settlement } from './settlement.ts';

const HOUR_MS = 3_600_000;
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

  ends(ended: Exclude<Ended, { outcome: 'duplicate' }>, chance: number): Settlement {
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

/** A failure that climbs: the rung's wait within its jitter, and after the last one parked, tried by the hour if it may heal. */
class Fails implements Step {
  constructor(
    readonly errorClass: 'CONNECTION' | 'INTERMITTENT' | 'CREDIT',
    readonly chance: number,
  ) {}
  check = (): boolean => true;
  run(model: Model, real: Schedule): void {
    const result: WriteResult = { outcome: 'retry', errorClass: this.errorClass, message: 'no' };
    const { status, nextInMs, dueInMs } = real.ends(result, this.chance);
    expect(dueInMs).toBe(nextInMs);
    const rung = LADDER_MS[model.failures];
    if (rung === undefined) {
      model.parked = true;
      expect(status).toBe('PARKED');
      expect(nextInMs).toBe(this.errorClass === 'CREDIT' ? null : PARKED_RETRY_MS);
      return;
    }
    model.failures++;
    const [least, most] = spread(rung);
    expect(status).toBe('RETRY_WAIT');
    expect(nextInMs).toBeGreaterThanOrEqual(least);
    expect(nextInMs).toBeLessThanOrEqual(most);
  }
  toString = (): string => `fails (${this.errorClass}, ${this.chance})`;
}

/** The target says when: that counts, from a second to an hour, and climbs nothing. */
class IsTold implements Step {
  constructor(readonly afterMs: number) {}
  check = (): boolean => true;
  run(_: Model, real: Schedule): void {
    const told: WriteResult = {
      outcome: 'retry',
      errorClass: 'RATE_LIMIT',
      message: 'slower',
      retryAfterMs: this.afterMs,
    };
    const { status, nextInMs, connection } = real.ends(told, 0.5);
    expect(status).toBe('RETRY_WAIT');
    expect(nextInMs).toBe(this.afterMs === 0 ? 1_000 : Math.min(this.afterMs, HOUR_MS));
    expect(connection).toEqual({ do: 'hold', forMs: nextInMs });
  }
  toString = (): string => `is told to wait ${this.afterMs} ms`;
}

/** A closed period is asked for again by the hour or sooner, however often, and climbs nothing. */
class MeetsAClosedPeriod implements Step {
  check = (): boolean => true;
  run(_: Model, real: Schedule): void {
    const closed: WriteResult = { outcome: 'retry', errorClass: 'CLOSED_PERIOD', message: 'closed' };
    expect(real.ends(closed, 0.5)).toMatchObject({ status: 'HELD_PERIOD', nextInMs: Math.max(...LADDER_MS) });
  }
  toString = (): string => 'meets a closed period';
}

/** Credentials and our own reasons not to send burn nothing. */
class WasNotItsFault implements Step {
  constructor(readonly ended: Exclude<Ended, { outcome: 'duplicate' }>) {}
  check = (): boolean => true;
  run(_: Model, real: Schedule): void {
    const { status, dueInMs, attempt } = real.ends(this.ended, 0.5);
    expect({ status, dueInMs }).toEqual({ status: 'PENDING', dueInMs: 0 });
    expect(attempt!.counts).toBe(false);
  }
  toString = (): string => `was not its fault (${this.ended.outcome})`;
}

const steps = fc.commands(
  [
    fc
      .tuple(
        fc.constantFrom('CONNECTION' as const, 'INTERMITTENT' as const, 'CREDIT' as const),
        fc.double({ min: 0, max: 0.999_999, noNaN: true }),
      )
      .map(([errorClass, chance]) => new Fails(errorClass, chance)),
    fc.constantFrom(0, 1, 5_000, HOUR_MS, 9 * HOUR_MS).map((ms) => new IsTold(ms)),
    fc.constant(new MeetsAClosedPeriod()),
    fc
      .constantFrom<Exclude<Ended, { outcome: 'duplicate' }>>(
        { outcome: 'retry', errorClass: 'AUTH', message: 'who are you' },
        { outcome: 'not-sent', why: 'breaker' },
        { outcome: 'not-sent', why: 'too-late' },
      )
      .map((ended) => new WasNotItsFault(ended)),
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
