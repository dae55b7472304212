import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { checkHistory, describeAnomalies } from './check.ts';
import { cleanHistories, countsOf } from './given-history.ts';
import type { AnomalyClass, History, ReportedDelivery, WitnessedEffect } from './history.ts';

/** One thing goes wrong; undefined where this history has nothing of the kind. `at` chooses which of several. */
type Mutation = (history: History, at: number) => History | undefined;

const one = <T>(from: readonly T[], at: number): T | undefined => from[at % Math.max(from.length, 1)];
const without = <T>(list: readonly T[], gone: T): T[] => list.filter((each) => each !== gone);
const counted = (history: History): History => ({ ...history, counts: countsOf(history.reports) });
const laneOf = (history: History, { document, key }: WitnessedEffect): WitnessedEffect[] =>
  history.effects.filter((effect) => effect.document === document && effect.key === key);
/** One effect of this kind takes place again. */
const again =
  (operation: WitnessedEffect['operation']): Mutation =>
  (history, at) => {
    const twice = one(
      history.effects.filter((effect) => effect.operation === operation),
      at,
    );
    if (twice === undefined) return undefined;
    return {
      ...history,
      effects: history.effects.flatMap((each) => (each === twice ? [each, { ...each, at: 'again' }] : [each])),
    };
  };

const MUTATIONS: Readonly<Record<string, { shows: AnomalyClass; mutate: Mutation }>> = {
  'an effect and its repeats vanish': {
    shows: 'LOST',
    mutate: (history, at) => {
      const gone = one(history.effects, at);
      if (gone === undefined) return undefined;
      const same = (effect: WitnessedEffect): boolean =>
        effect.document === gone.document && effect.key === gone.key && effect.version === gone.version;
      return { ...history, effects: history.effects.filter((effect) => !same(effect)) };
    },
  },
  'a delivery without effect vanishes': {
    shows: 'LOST',
    mutate: (history, at) => {
      const gone = one(
        history.reports.filter(({ status }) => status !== 'DELIVERED'),
        at,
      );
      return gone && counted({ ...history, reports: without(history.reports, gone) });
    },
  },
  'a document is created twice': {
    shows: 'DUP',
    mutate: again('create'),
  },
  'a posting is not taken back': {
    shows: 'DUP',
    mutate: (history, at) => {
      const reversal = one(
        history.effects.filter((effect) => effect.operation === 'reverse' && !isLast(history, effect)),
        at,
      );
      return reversal && { ...history, effects: without(history.effects, reversal) };
    },
  },
  'a posting is taken back twice': {
    shows: 'DUP',
    mutate: again('reverse'),
  },
  'what was withdrawn stands and is called ignored': {
    shows: 'LIE',
    mutate: (history, at) => {
      const reversal = one(
        history.effects.filter((effect) => effect.operation === 'reverse' && isLast(history, effect)),
        at,
      );
      const said = history.reports.find(
        ({ document, key, version }) =>
          document === reversal?.document && key === reversal.key && version === reversal.version,
      );
      return (
        reversal &&
        counted({
          ...history,
          effects: without(history.effects, reversal),
          reports: changed(history, said!, 'IGNORED'),
        })
      );
    },
  },
  'an older version comes late': {
    shows: 'REORDER',
    mutate: (history, at) => {
      const late = one(
        history.effects.filter((effect) => laneOf(history, effect).some(({ version }) => version! > effect.version!)),
        at,
      );
      return late && { ...history, effects: [...history.effects, { ...late, at: 'late' }] };
    },
  },
  'an older version is left waiting': {
    shows: 'SKIP',
    mutate: (history, at) => {
      const passed = one(
        history.reports.filter(({ status }) => status === 'RESOLVED_SUPERSEDED'),
        at,
      );
      const newer = history.effects.some(
        (effect) =>
          effect.key === passed?.key && effect.document === passed.document && effect.version! > passed.version,
      );
      return passed && newer ? counted({ ...history, reports: changed(history, passed, 'RETRY_WAIT') }) : undefined;
    },
  },
  'a refused version takes effect': {
    shows: 'PHANTOM',
    mutate: (history, at) => {
      const refused = one(
        history.events.filter(({ answer }) => answer === 'refused'),
        at,
      );
      if (refused === undefined) return undefined;
      const { document, content } = refused.documents[0]!;
      const effect = {
        document,
        operation: 'update',
        key: refused.key,
        version: refused.version,
        content: content ?? '',
        at: 'phantom',
      } as const;
      return { ...history, effects: [...history.effects, effect] };
    },
  },
  'a body holds something else': {
    shows: 'TORN',
    mutate: (history, at) => {
      const torn = one(history.effects, at);
      return (
        torn && {
          ...history,
          effects: history.effects.map((each) => (each === torn ? { ...each, content: 'half of it' } : each)),
        }
      );
    },
  },
  'a delivery is in flight for ever': {
    shows: 'STUCK',
    mutate: (history, at) => {
      const last = one(
        history.reports.filter(
          ({ status, ...mine }) =>
            status === 'DELIVERED' &&
            !history.reports.some(
              (other) => other.key === mine.key && other.document === mine.document && other.version !== mine.version,
            ),
        ),
        at,
      );
      return last && counted({ ...history, reports: changed(history, last, 'IN_FLIGHT') });
    },
  },
  'what took effect is called cancelled': {
    shows: 'LIE',
    mutate: (history, at) => {
      const done = one(
        history.reports.filter(({ status }) => status === 'DELIVERED'),
        at,
      );
      return done && counted({ ...history, reports: changed(history, done, 'CANCELLED') });
    },
  },
  'a count is one too high': {
    shows: 'LIE',
    mutate: (history, at) => {
      const entry = one(Object.entries(history.counts), at);
      return (
        entry && {
          ...history,
          counts: { ...history.counts, [entry[0]]: { ...entry[1], delivered: entry[1].delivered + 1 } },
        }
      );
    },
  },
};

const isLast = (history: History, effect: WitnessedEffect): boolean => laneOf(history, effect).at(-1) === effect;

const changed = (history: History, which: ReportedDelivery, status: ReportedDelivery['status']): ReportedDelivery[] =>
  history.reports.map((each) => (each === which ? { ...each, status } : each));

describe('the checker on random histories', () => {
  it('finds nothing in what a perfect product leaves', () => {
    fc.assert(
      fc.property(cleanHistories, (history) => {
        expect(describeAnomalies(checkHistory(history))).toBe('');
      }),
      { numRuns: 300 },
    );
  });

  it.each(Object.entries(MUTATIONS))('sees when %s', (_, { shows, mutate }) => {
    let tried = 0;
    fc.assert(
      fc.property(cleanHistories, fc.nat(50), (history, at) => {
        const wrong = mutate(history, at);
        fc.pre(wrong !== undefined);
        tried++;
        expect(checkHistory(wrong!).map((anomaly) => anomaly.class)).toContain(shows);
      }),
      { numRuns: 100 },
    );
    expect(tried).toBeGreaterThanOrEqual(100);
  });
});
