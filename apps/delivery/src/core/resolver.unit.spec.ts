import { describe, expect, it } from '@jest/globals';
import type { DocumentDeclaration, Operation } from '#contracts';
import { CUSTOMER, ENTRY, INVOICE, ORDER } from '../../test/memory-target.ts';
import type { Attempt, Delivery } from './lane.ts';
import { repeatableUntil, resolve } from './resolver.ts';

const HOUR = 3_600_000;
const NOW = new Date('2026-03-14T12:00:00Z');
const BOUNDS = { leaseMs: 60_000, timeoutMs: 5_000 };

const attempt = (operation: Operation, began: Date): Attempt => ({
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
});
const DELIVERY = { status: 'UNKNOWN', nextAttemptAt: null } as Delivery;
const keyed = (declaration: DocumentDeclaration): DocumentDeclaration => ({
  ...declaration,
  canFind: true,
  keyLifetimeMs: HOUR,
  settleMs: 10_000,
});

/** What becomes of a request sent two hours ago and never answered, at a target that keeps keys for one hour. */
const afterTheKeysEnd = (declaration: DocumentDeclaration, operation: Operation) =>
  resolve(DELIVERY, [attempt(operation, new Date(NOW.getTime() - 2 * HOUR))], keyed(declaration), NOW, BOUNDS).do;

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

describe('a request in doubt that is repeated by its key', () => {
  it('may begin until the end of the key less what it takes to arrive and take effect', () => {
    const attempts = [attempt('create', NOW)];
    const until = repeatableUntil(attempts, keyed(ENTRY), BOUNDS)!;
    expect(until.getTime() - NOW.getTime()).toBe(HOUR - 20_000 - 5_000 - 10_000);
    const decided = (ms: number) =>
      resolve(DELIVERY, attempts, keyed(ENTRY), new Date(until.getTime() + ms), BOUNDS).do;
    expect([decided(0), decided(1)]).toEqual(['repeat', 'look']);
  });

  it('may begin at any time where keys do not end, and where it is no matter of keys', () => {
    const attempts = [attempt('create', NOW)];
    expect(repeatableUntil(attempts, { ...ENTRY, keyLifetimeMs: undefined }, BOUNDS)).toBeNull();
    expect(repeatableUntil([attempt('write', NOW)], keyed(CUSTOMER), BOUNDS)).toBeNull();
    expect(repeatableUntil([{ ...attempts[0]!, doubt: null }], keyed(ENTRY), BOUNDS)).toBeNull();
  });
});
