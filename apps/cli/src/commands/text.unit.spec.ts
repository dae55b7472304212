import { describe, expect, it } from '@jest/globals';
import { failuresText } from './failures.ts';
import { statusText } from './status.ts';
import { ago, span, table } from './text.ts';

describe('what people read', () => {
  it('has columns as wide as they need', () => {
    expect(table(['a', 'name', 'b'], [['1', 'long one', '2']])).toEqual(['a  name      b', '1  long one  2']);
  });

  it.each([
    [0.0123, '12 ms'],
    [1.25, '1.3 s'],
    [42, '42 s'],
    [600, '10 min'],
    [7_200, '2 h'],
    [400_000, '5 days'],
  ])('says %p seconds as %s', (seconds, text) => {
    expect(span(seconds)).toBe(text);
  });

  it('never says that something happened in the future', () => {
    expect(ago('2026-11-22T06:00:01Z', Date.parse('2026-11-22T06:00:00Z'))).toBe('0 ms ago');
  });

  it('shows loss and trouble in the status even when every count looks fine', () => {
    const text = statusText(
      {
        flows: [
          {
            name: 'orders',
            target: 'main-erp',
            state: 'paused',
            accepted: 3,
            finished: { delivered: 2 },
            unfinished: { pending: 0 },
            difference: 1,
            oldestUnfinishedAt: null,
            lagSeconds: { p50: 0.08, p99: 1.2 },
            unsynced: [],
          },
        ],
        connections: [
          { name: 'main-erp', side: 'target', state: 'needs_reauth', breaker: 'closed', reason: '401' },
          { name: 'ledger', side: 'target', state: 'active', breaker: 'open' },
          { name: 'acme-crm', side: 'source', state: 'active' },
        ],
        capture: { received: 5, rejected: 2, pending: 0 },
        outbox: { unpublished: 0 },
      },
      Date.parse('2026-11-22T06:00:00Z'),
    ).join('\n');
    expect(text).toContain('orders (paused)  main-erp  3');
    expect(text).toContain('80 ms / 1.2 s');
    expect(text).toContain('orders: 1 events are unaccounted for: data is at risk');
    expect(text).toContain('main-erp: needs_reauth, breaker closed (401)');
    expect(text).toContain('ledger: active, breaker open');
    expect(text).not.toContain('acme-crm');
    expect(text).toContain('rejected 2 (crossdock captured)');
  });

  it('says plainly when nothing is broken', () => {
    expect(failuresText({ items: [], captured: [], deadLetters: [] })).toEqual(['nothing is broken']);
  });
});
