import { describe, expect, it } from '@jest/globals';
import { checkHistory, countAnomalies, describeAnomalies } from './check.ts';
import { countsOf } from './given-history.ts';
import {
  ANOMALY_CLASSES,
  type AnomalyClass,
  type History,
  type ReportedDelivery,
  type WitnessedEffect,
} from './history.ts';

const KEY = 'acme:order:o-1';
const event = (
  version: number,
  answer: 'accepted' | 'refused' | 'unknown' = 'accepted',
  content: string | null = `c${version}`,
) => ({
  key: KEY,
  version,
  answer,
  documents: [{ flow: 'orders', document: 'salesOrder', content }],
});
const effect = (
  version: number | null,
  operation: WitnessedEffect['operation'] = 'update',
  content = `c${version}`,
) => ({
  document: 'salesOrder',
  operation,
  key: KEY,
  version,
  content,
});
const post = (version: number, content = `c${version}`) => ({
  ...effect(version, 'create', content),
  document: 'journalEntry',
});
const takeBack = (version: number, content: string) => ({ ...post(version, content), operation: 'reverse' as const });
const report = (
  version: number,
  status: ReportedDelivery['status'] = 'DELIVERED',
  more: Partial<ReportedDelivery> = {},
) => ({
  flow: 'orders',
  document: 'salesOrder',
  key: KEY,
  version,
  status,
  ...more,
});
type Part = Partial<Omit<History, 'effects'>> & { effects: Omit<WitnessedEffect, 'at'>[] };
const history = ({ effects, reports = [], events = [], ...more }: Part): History => ({
  events,
  reports,
  effects: effects.map((each, n) => ({ ...each, at: `#${n + 1}` })),
  counts: countsOf(reports),
  natures: { salesOrder: 'state', journalEntry: 'reversal', receipt: 'once', payment: 'each' },
  ...more,
});
const three = {
  events: [event(1), event(2), event(3)],
  effects: [effect(1, 'create'), effect(2), effect(3)],
  reports: [report(1), report(2), report(3)],
};
/** Posted, unchanged, posted anew, and withdrawn; or the first versions of these. */
const posted = (versions = 4) => {
  const journal = { flow: 'postings', document: 'journalEntry' };
  const contents = ['c1', 'c1', 'c3', null].slice(0, versions);
  return {
    events: contents.map((content, n) => ({ ...event(n + 1), documents: [{ ...journal, content }] })),
    effects: [post(1), takeBack(3, 'c1'), post(3), takeBack(4, 'c3')].filter(({ version }) => version! <= versions),
    reports: contents.map((_, n) => ({ ...report(n + 1, n === 1 ? 'SKIPPED_NOCHANGE' : 'DELIVERED'), ...journal })),
  };
};
const change = <T extends { version: number | null }>(list: readonly T[], version: number, more: Partial<T>): T[] =>
  list.map((each) => (each.version === version ? { ...each, ...more } : each));
/** Its last version cancels the order. */
const withdrawn = {
  ...three,
  events: [event(1), event(2), event(3, 'accepted', null)],
  effects: [effect(1, 'create'), effect(2), effect(3, 'cancel', '')],
};
const classes = (given: History): AnomalyClass[] => [...new Set(checkHistory(given).map((anomaly) => anomaly.class))];

describe('the checker', () => {
  it('finds nothing in a history that is as it should be', () => {
    expect(checkHistory(history(three))).toEqual([]);
    expect(checkHistory(history(posted()))).toEqual([]);
    expect(checkHistory(history(withdrawn))).toEqual([]);
  });

  const planted: [string, AnomalyClass, History, RegExp][] = [
    [
      'an accepted version that nobody knows',
      'LOST',
      history({ ...three, events: [...three.events, event(4)], counts: {} }),
      /version 4 was accepted, and is not shown/,
    ],
    [
      'a version shown as delivered that never took effect',
      'LOST',
      history({ ...three, effects: [effect(1, 'create'), effect(2)] }),
      /version 3 is shown as DELIVERED, and never took effect; .*v1 create \(#1\), v2 update/,
    ],
    [
      'a version superseded by nothing',
      'LOST',
      history({
        ...three,
        effects: three.effects.slice(0, 2),
        reports: [report(1), report(2), report(3, 'RESOLVED_SUPERSEDED')],
      }),
      /no newer version took effect/,
    ],
    [
      'a second document of one record',
      'DUP',
      history({ ...three, effects: [effect(1, 'create'), effect(1, 'create'), effect(2), effect(3)] }),
      /#2 creates again what #1 created/,
    ],
    [
      'an effect without an attempt',
      'DUP',
      history({
        ...three,
        effects: [effect(1, 'create'), effect(2), effect(2), effect(3)],
        reports: [report(1), report(2, 'DELIVERED', { attempts: 1 }), report(3)],
      }),
      /effect 2 of version 2, by 1 attempts/,
    ],
    [
      'an older version after a newer one',
      'REORDER',
      history({ ...three, effects: [effect(1, 'create'), effect(3), effect(2)] }),
      /#3 is version 2 after version 3 \(#2\)/,
    ],
    [
      'a newer version past one that is not done',
      'SKIP',
      history({
        ...three,
        effects: [effect(1, 'create'), effect(3)],
        reports: [report(1), report(2, 'RETRY_WAIT'), report(3)],
      }),
      /version 2 is RETRY_WAIT, and version 3 took effect past it/,
    ],
    [
      'an effect of what was refused',
      'PHANTOM',
      history({ ...three, events: [event(1), event(2), event(3, 'refused')], reports: [report(1), report(2)] }),
      /version 3, which was refused/,
    ],
    [
      'an effect of a record that nobody sent',
      'PHANTOM',
      history({ ...three, effects: [...three.effects, { ...effect(1, 'create'), key: 'acme:order:other' }] }),
      /for a record that nobody sent/,
    ],
    [
      'an effect made of two versions',
      'TORN',
      history({ ...three, effects: [effect(1, 'create'), effect(2, 'update', 'c1 and c2'), effect(3)] }),
      /should hold "c2" as version 2, holds "c1 and c2"/,
    ],
    [
      'a body that is no version at all',
      'TORN',
      history({ ...three, effects: [...three.effects, effect(null, 'update', '???')] }),
      /holds no version that was sent/,
    ],
    [
      'a delivery that nothing holds and nobody sends',
      'STUCK',
      history({ ...three, effects: three.effects.slice(0, 2), reports: [report(1), report(2), report(3, 'PENDING')] }),
      /version 3 is PENDING, and nothing holds it/,
    ],
    [
      'a delivery in doubt for ever',
      'STUCK',
      history({ ...three, reports: [report(1), report(2), report(3, 'UNKNOWN')] }),
      /version 3 is UNKNOWN/,
    ],
    [
      'no change where there was one',
      'LIE',
      history({
        ...three,
        effects: three.effects.slice(0, 2),
        reports: [report(1), report(2), report(3, 'SKIPPED_NOCHANGE')],
      }),
      /should have changed "c2" to "c3"/,
    ],
    [
      'dead, and yet it took effect',
      'LIE',
      history({ ...three, reports: [report(1), report(2), report(3, 'DEAD')] }),
      /shown as DEAD, and took effect/,
    ],
    [
      'a posting taken back whose successor was never posted',
      'LOST',
      history({ ...posted(3), effects: [post(1), takeBack(3, 'c1')] }),
      /version 3 is shown as DELIVERED, and never took effect/,
    ],
    [
      'a posting that was withdrawn and stands',
      'LOST',
      history({ ...posted(), effects: posted(3).effects }),
      /version 4 is shown as DELIVERED, and never took effect/,
    ],
    [
      'an order that was withdrawn and not cancelled',
      'LOST',
      history({ ...withdrawn, effects: withdrawn.effects.slice(0, 2) }),
      /version 3 is shown as DELIVERED, and never took effect/,
    ],
    [
      'a posting beside the one that stands',
      'DUP',
      history({ ...posted(), effects: [post(1), post(3), takeBack(4, 'c3')] }),
      /#2 is posted while #1 stands/,
    ],
    [
      'a posting that is posted twice',
      'DUP',
      history({ ...posted(), effects: [post(1), takeBack(3, 'c1'), post(3), post(3), takeBack(4, 'c3')] }),
      /#4 is posted while #3 stands/,
    ],
    [
      'a posting that is taken back twice',
      'DUP',
      history({ ...posted(), effects: [post(1), takeBack(3, 'c1'), takeBack(3, 'c1'), post(3), takeBack(4, 'c3')] }),
      /#3 takes back, and nothing stands/,
    ],
    [
      'an older posting in the place of a newer one',
      'REORDER',
      history({
        ...posted(3),
        events: posted(3).events.map((each) => ({
          ...each,
          documents: [{ flow: 'postings', document: 'journalEntry', content: `c${each.version}` }],
        })),
        effects: [post(1), takeBack(3, 'c1'), post(3), takeBack(2, 'c3'), post(2)],
        reports: change(posted(3).reports, 2, { status: 'DELIVERED' }),
      }),
      /#5 is version 2 after version 3 \(#2\)/,
    ],
    [
      'a posting that its own version takes back',
      'REORDER',
      history({ ...posted(3), effects: [...posted(3).effects, takeBack(3, 'c3')] }),
      /#4 is version 3 after version 3 \(#3\)/,
    ],
    [
      'a posting taken back past one that is not done',
      'SKIP',
      history({ ...posted(), reports: change(posted().reports, 2, { status: 'PARKED' }) }),
      /version 2 is PARKED, and version 3 took effect past it/,
    ],
    [
      'a posting of what was withdrawn',
      'PHANTOM',
      history({ ...posted(), effects: [...posted().effects, post(4, 'c3')] }),
      /#5 is version 4, which sends nothing/,
    ],
    [
      'a posting taken back for a version that was refused',
      'PHANTOM',
      history({
        ...posted(),
        events: change(posted().events, 4, { answer: 'refused' }),
        reports: posted(3).reports,
      }),
      /#4 is version 4, which was refused/,
    ],
    [
      'an order cancelled that nobody withdrew',
      'PHANTOM',
      history({ ...three, effects: [...three.effects, effect(3, 'cancel', '')] }),
      /#4 cancels by version 3, which was not withdrawn/,
    ],
    [
      'a reversal of something else than stands',
      'TORN',
      history({ ...posted(), effects: [post(1), takeBack(3, 'c3'), post(3), takeBack(4, 'c3')] }),
      /#2 should take back "c1", takes back "c3"/,
    ],
    [
      'a posting taken back whose successor nobody sends',
      'STUCK',
      history({
        ...posted(3),
        effects: [post(1), takeBack(3, 'c1')],
        reports: change(posted(3).reports, 3, { status: 'IN_FLIGHT' }),
      }),
      /version 3 is IN_FLIGHT, and nothing holds it/,
    ],
    [
      'a withdrawal ignored while a posting stands',
      'LIE',
      history({
        ...posted(),
        effects: posted(3).effects,
        reports: change(posted().reports, 4, { status: 'IGNORED' }),
      }),
      /version 4 is shown as IGNORED, and should have taken back "c3" \(#3\)/,
    ],
    [
      'no change after it was taken back',
      'LIE',
      history({
        ...posted(),
        events: [...posted().events, { ...posted().events[2]!, version: 5 }],
        reports: [...posted().reports, { ...posted().reports[1]!, version: 5 }],
      }),
      /should have changed "nothing" to "c3"/,
    ],
    [
      'a count that does not add up',
      'LIE',
      history({ ...three, counts: { orders: { accepted: 3, finished: 2, unfinished: 0, delivered: 3 } } }),
      /they do not add up/,
    ],
    [
      'an event counted that nobody sent',
      'LIE',
      history({ ...three, counts: { orders: { accepted: 4, finished: 3, unfinished: 1, delivered: 3 } } }),
      /says 4 accepted, and 3 were/,
    ],
  ];

  it.each(planted)('finds %s and calls it %s', (_, name, given, evidence) => {
    const found = checkHistory(given);
    expect(found.filter((anomaly) => anomaly.class === name).map((anomaly) => anomaly.evidence)).toEqual(
      expect.arrayContaining([expect.stringMatching(evidence)]),
    );
    expect(classes(given)).toEqual([name]); // and blames nothing else
    expect(countAnomalies(found)[name]).toBe(found.length);
    expect(describeAnomalies(found)).toMatch(new RegExp(`^${name} `));
  });

  it('has a planted anomaly for every class', () => {
    expect(new Set(planted.map(([, name]) => name))).toEqual(new Set(ANOMALY_CLASSES));
  });

  it('takes what was never answered as there or not there, but whole', () => {
    const asked = [event(1), event(2), event(3, 'unknown')];
    expect(checkHistory(history({ ...three, events: asked }))).toEqual([]);
    expect(
      checkHistory(history({ events: asked, effects: three.effects.slice(0, 2), reports: three.reports.slice(0, 2) })),
    ).toEqual([]);
    expect(classes(history({ ...three, events: asked, effects: three.effects.slice(0, 2) }))).toEqual(['LOST']);
  });

  it('accepts what waits for a person, and what waits behind it where order is strict', () => {
    const payment = { document: 'payment', flow: 'payments' };
    const given = history({
      events: [1, 2].map((version) => ({ ...event(version), documents: [{ ...payment, content: `c${version}` }] })),
      effects: [],
      reports: [
        { ...report(1, 'PARKED'), ...payment },
        { ...report(2, 'PENDING'), ...payment },
      ],
    });
    expect(checkHistory(given)).toEqual([]);
  });

  it.each([
    ['did not happen', []],
    ['happened', [effect(3, 'create')]],
  ])('lets a state wait for a person who finds out about its newest version, which %s', (_, effects) => {
    const waiting = [report(1, 'PENDING'), report(2, 'RETRY_WAIT')];
    expect(checkHistory(history({ ...three, effects, reports: [...waiting, report(3, 'PARKED')] }))).toEqual([]);
    expect(classes(history({ ...three, effects, reports: [...waiting, report(3, 'DEAD')] }))).not.toEqual([]);
    const posted = { document: 'payment', flow: 'payments' };
    const fact = history({
      events: [1, 2].map((version) => ({ ...event(version), documents: [{ ...posted, content: `c${version}` }] })),
      effects: [],
      reports: [
        { ...report(1, 'PENDING'), ...posted },
        { ...report(2, 'PARKED'), ...posted },
      ],
    });
    expect(classes(fact)).toEqual(['STUCK']); // the first fact is the head
  });

  it('accepts a posting that was taken back and waits for a person with its successor', () => {
    const reports = change(posted().reports, 3, { status: 'PARKED' });
    const given = { ...posted(), reports: change(reports, 4, { status: 'PENDING' }) };
    expect(checkHistory(history({ ...given, effects: [post(1), takeBack(3, 'c1')] }))).toEqual([]);
    expect(checkHistory(history({ ...given, effects: [post(1)] }))).toEqual([]);
    expect(checkHistory(history({ ...given, effects: posted(3).effects }))).toEqual([]);
  });

  it('says that a hold is stuck when what it waits for is there', () => {
    const given = history({
      events: [event(1), { ...event(1), key: 'acme:customer:c-1' }],
      effects: [{ ...effect(1, 'create'), key: 'acme:customer:c-1' }],
      reports: [
        report(1, 'HELD_DEPENDENCY', { waitingFor: 'acme:customer:c-1' }),
        { ...report(1), key: 'acme:customer:c-1' },
      ],
    });
    const [stuck, ...more] = checkHistory(given);
    expect(more).toEqual([]);
    expect(stuck).toMatchObject({ class: 'STUCK', where: `salesOrder ${KEY}` });
    expect(stuck!.evidence).toMatch('waits for acme:customer:c-1, which is there');
  });
});
