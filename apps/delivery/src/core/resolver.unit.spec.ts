import { describe, expect, it } from '@jest/globals';
import type { DocumentDeclaration, Operation } from '#contracts';
import { CUSTOMER, ENTRY, INVOICE, ORDER } from '../../test/memory-target.ts';
import type { Attempt, Delivery } from './lane.ts';
import { resolve } from './resolver.ts';

const HOUR = 3_600_000;
const NOW = new Date('2026-03-14T12:00:00Z');
const BOUNDS = { leaseMs: 60_000, timeoutMs: 5_000 };

/** What becomes of a request sent two hours ago and never answered, at a target that keeps keys for one hour. */
function afterTheKeysEnd(declaration: DocumentDeclaration, operation: Operation) {
  const began = new Date(NOW.getTime() - 2 * HOUR);
  const attempt: Attempt = {
    n: 1,
    revision: 1,
    operation,
    requestKey: 'k',
    targetId: operation === 'create' ? null : 'T1',
    body: '{}',
    requestHash: '00',
    contentHash: '00',
    startedAt: began,
    gaveUpAt: began,
    outcome: 'in-doubt',
    doubt: 'open',
    lookedAt: null,
    lateOutcome: null,
    lateTargetId: null,
  };
  const delivery = { status: 'UNKNOWN', nextAttemptAt: null } as Delivery;
  const keyed = { ...declaration, canFind: true, keyLifetimeMs: HOUR, settleMs: 10_000 };
  return resolve(delivery, [attempt], keyed, NOW, BOUNDS).do;
}

const byKey = (declaration: DocumentDeclaration, ...operations: Operation[]): DocumentDeclaration => ({
  ...declaration,
  repeatIsSafe: Object.fromEntries(operations.map((operation) => [operation, 'by-idempotency-key'])),
});

describe('a request in doubt whose idempotency key the target has forgotten', () => {
  it.each<[string, DocumentDeclaration, Operation, 'look' | 'park']>([
    ['a create is looked for', byKey(ORDER, 'create'), 'create', 'look'],
    ['a posting is looked for by its request key', ENTRY, 'create', 'look'],
    ['a reversal that is a posting is looked for too', INVOICE, 'reverse', 'look'],
    ['an update goes to a person: its record was there before', byKey(ORDER, 'update'), 'update', 'park'],
    ['a cancel goes to a person', byKey(ORDER, 'cancel'), 'cancel', 'park'],
    ['an upsert goes to a person', byKey(CUSTOMER, 'write'), 'write', 'park'],
    [
      'a reversal that is a request of its own goes to a person',
      { ...INVOICE, reverseBySwap: undefined },
      'reverse',
      'park',
    ],
  ])('%s', (_, declaration, operation, expected) => {
    expect(afterTheKeysEnd(declaration, operation)).toBe(expected);
  });

  it('is never told from the mere record by an upsert that says it is looked up first', () => {
    const careless: DocumentDeclaration = { ...CUSTOMER, repeatIsSafe: { write: 'look-first' } };
    expect(afterTheKeysEnd(careless, 'write')).toBe('park');
  });
});
