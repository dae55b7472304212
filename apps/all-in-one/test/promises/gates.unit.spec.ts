import { describe, expect, it } from '@jest/globals';
import type { SentEvent } from '#testing';
import type { Reported } from './collect.ts';
import { givenUp, missingOf } from './gates.ts';
import type { RunResult } from './run.ts';
import { resets, wayToTargets } from './troubles.ts';

const delivery = (more: Partial<Reported>): Reported => ({
  flow: 'orders',
  document: 'salesOrder',
  key: 'acme:order:acme-r1w0-o1',
  version: 1,
  status: 'PARKED',
  ...more,
});
const event = (answer: SentEvent['answer']): SentEvent => ({
  key: 'acme:customer:c',
  version: 1,
  answer,
  documents: [],
});
const result = (more: Partial<RunResult> & { sentEvents?: SentEvent[] } = {}): RunResult => ({
  anomalies: [],
  story: '',
  history: { events: more.sentEvents ?? [], effects: [], reports: [], counts: {}, natures: {} },
  tag: 'r1',
  troubles: [],
  sent: 10,
  effects: 10,
  faultsApplied: 1,
  callsSpoilt: 1,
  unfinished: [],
  idle: [],
  recoveredAfterMs: 0,
  ...more,
});

describe('what a row of the promises has to show', () => {
  it('is nothing more where all was finished and the harm was done', () => {
    expect(missingOf(result({ troubles: [resets, wayToTargets] }), 'A B')).toEqual([]);
  });

  it.each(['PARKED', 'DEAD', 'HELD_DEPENDENCY', 'HELD_PERIOD', 'HELD_REVIEW'] as const)(
    'is that in tiers A and B nothing ends %s',
    (status) => {
      const unfinished = [delivery({ status, errorClass: 'UNKNOWN_OUTCOME' })];
      expect(missingOf(result({ unfinished }), 'A B')).toEqual([
        `salesOrder acme:order:acme-r1w0-o1 v1 ends ${status}, UNKNOWN_OUTCOME`,
      ]);
    },
  );

  it('is in tier C that what has to be parked is, and nothing else', () => {
    const parked = delivery({ errorClass: 'UNKNOWN_OUTCOME' });
    expect(missingOf(result({ troubles: [resets], unfinished: [parked] }), 'A C')).toEqual([]);
    expect(missingOf(result({ troubles: [resets] }), 'A C')).toEqual([
      'answers were lost in tier C, and nothing is parked',
    ]);
    const others = [
      delivery({ errorClass: 'DUPLICATE' }),
      delivery({ errorClass: 'UNKNOWN_OUTCOME', document: 'customer' }),
      delivery({ status: 'DEAD', errorClass: 'VALUE' }),
    ];
    expect(givenUp(result({ unfinished: [parked, ...others] }), 'A C')).toEqual(others);
  });

  it('is that nothing waits for a record that was accepted; for one that was not it may', () => {
    const unfinished = [delivery({ status: 'HELD_DEPENDENCY', waitingFor: 'acme:customer:c' })];
    expect(givenUp(result({ unfinished, sentEvents: [event('refused'), event('unknown')] }))).toEqual([]);
    expect(givenUp(result({ unfinished, sentEvents: [event('refused'), event('accepted')] }))).toEqual(unfinished);
  });

  it('is that calls went wrong, troubles were not idle, and something took effect', () => {
    expect(missingOf(result({ troubles: [resets], callsSpoilt: 0 }), 'A B')).toEqual([
      'no call of a target went wrong',
    ]);
    expect(missingOf(result({ effects: 0, idle: ['way to the targets'] }), 'A B')).toEqual([
      'nothing took effect',
      '"way to the targets" did nothing',
    ]);
  });
});
