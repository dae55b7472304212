import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { DocumentDeclaration } from '#contracts';
import { LaneModel, type Fate } from '../../test/lane-model.ts';
import { CUSTOMER, ENTRY, INVOICE, ORDER, PAYMENT, RECEIPT } from '../../test/memory-target.ts';

const FATES: readonly Fate[] = [
  'ok',
  'unsaid',
  'applied-unanswered',
  'lost',
  'late',
  'not-sent',
  'refused',
  'closed',
  'crash-before',
  'crash-after',
  'crash-late',
  'killed-before',
  'killed-after',
  'killed-late',
];

/** What people and replays do to the newest that can be changed. */
const ORDERED = fc.record({
  ordered: fc.constantFrom('edit' as const, 'replay' as const, 'cancel' as const),
  content: fc.constantFrom('A', 'B', 'D'),
});
type Step = { arrives: string | null } | { fate: Fate } | { ordered: 'edit' | 'replay' | 'cancel'; content: string };

/** Versions with few contents, so that equal ones meet, mixed with the fates of the requests that go out. */
const story = fc.array(
  fc.oneof(
    fc.record({ arrives: fc.constantFrom('A', 'B', 'C', null) }),
    ORDERED,
    fc.record({ fate: fc.constantFrom(...FATES) }),
  ),
  { minLength: 1, maxLength: 30 },
);

function play(
  declaration: DocumentDeclaration,
  steps: readonly Step[],
  declaredSettleMs = 400,
  broken: Partial<Pick<LaneModel, 'cancelsBetweenSteps'>> = {},
): LaneModel {
  const model = Object.assign(new LaneModel({ ...declaration, settleMs: declaredSettleMs }, 400), broken);
  let version = 0;
  for (const step of steps)
    if ('arrives' in step)
      model.arrive(++version, declaration.versions === 'reversal' ? step.arrives : (step.arrives ?? 'A'));
    else if ('ordered' in step) model.order(step.ordered, step.content);
    else model.turn(step.fate);
  for (let left = 400; left > 0 && model.turn('ok'); left--);
  model.judge();
  return model;
}

const WRITTEN: DocumentDeclaration = {
  ...RECEIPT,
  operations: new Set(['write', 'reverse']),
  repeatIsSafe: { write: 'look-first', reverse: 'look-first' },
};
const KEYED = { create: 'by-idempotency-key', update: 'by-idempotency-key', cancel: 'by-idempotency-key' } as const;

describe('a lane, whatever happens to its requests', () => {
  const kinds: [string, DocumentDeclaration][] = [
    ['state by external id', CUSTOMER],
    ['state looked up first', ORDER],
    ['fact by idempotency key', { ...ENTRY, versions: 'each' }],
    ['fact looked up first', PAYMENT],
    ['fact with reversals by idempotency key', INVOICE],
    ['fact with reversals looked up first', RECEIPT],
    ['fact with reversals that is written, and looked up first', WRITTEN],
    ['state by an idempotency key that ends', { ...ORDER, repeatIsSafe: KEYED, keyLifetimeMs: 900 }],
    ['fact by an idempotency key that ends', { ...ENTRY, versions: 'each', keyLifetimeMs: 900 }],
    ['fact with reversals by an idempotency key that ends', { ...INVOICE, keyLifetimeMs: 900 }],
  ];
  for (const [name, declaration] of kinds)
    it(`makes one effect per version, in order, and tells the truth: ${name}`, () => {
      fc.assert(
        fc.property(story, (steps) => {
          expect(play(declaration, steps).problems).toEqual([]);
        }),
        { numRuns: 2_000 },
      );
    });

  // negative controls: a rule taken away must be seen, else the checks above prove nothing
  for (const [name, declaration] of [kinds[0]!, kinds[1]!, kinds[3]!])
    it(`is seen to break when requests land later than the settle time that is declared: ${name}`, () => {
      const run = fc.check(
        fc.property(story, (steps) => play(declaration, steps, 0).problems.length === 0),
        { numRuns: 5_000 },
      );
      expect(run.failed).toBe(true);
    });

  it('is seen to break when a create that cannot be repeated is declared as one that can', () => {
    const careless: DocumentDeclaration = { ...ORDER, repeatIsSafe: { create: 'by-external-id' } };
    const run = fc.check(
      fc.property(story, (steps) => play(careless, steps).problems.length === 0),
      { numRuns: 5_000 },
    );
    expect(run.failed).toBe(true);
  });

  it('is seen to break when a reversal that cannot be repeated is declared as one that can', () => {
    const careless: DocumentDeclaration = {
      ...RECEIPT,
      repeatIsSafe: { create: 'look-first', reverse: 'by-external-id' },
    };
    const run = fc.check(
      fc.property(story, (steps) => play(careless, steps).problems.length === 0),
      { numRuns: 5_000 },
    );
    expect(run.failed).toBe(true);
  });

  it('is seen to break when a delivery may be cancelled between its reversal and its posting', () => {
    const between: Step[] = [
      { arrives: 'A' },
      { fate: 'ok' },
      { arrives: 'B' },
      { fate: 'ok' },
      { ordered: 'cancel', content: '' },
    ];
    expect(play(INVOICE, between).problems).toEqual([]);
    expect(play(INVOICE, between, 400, { cancelsBetweenSteps: true }).problems).not.toEqual([]);
  });
});
