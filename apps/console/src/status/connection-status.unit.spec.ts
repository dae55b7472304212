import { describe, expect, it } from '@jest/globals';
import type { Connection } from '#contracts';
import type { ConnectionState } from './connection-states.ts';
import { connectionStatus, quotaLeft } from './connection-status.ts';

const connection = (budget: Partial<Connection['budget']>): Connection => ({
  name: 'erp',
  connector: 'rest',
  side: 'target',
  zone: 'UTC',
  idPrefix: '',
  settings: {},
  budget: { concurrency: 4, ...budget },
  timeoutMs: 30_000,
  retry: { ladderMs: [5_000], jitter: 0 },
  breaker: { windowMs: 10_000, minimum: 10, failures: 0.5, slowMs: 10_000, probeMs: 5_000 },
  allowPrivate: false,
});
const at = new Date('2026-11-25T00:00:00Z');
const row = (changes: Partial<ConnectionState>): ConnectionState => ({
  connection: 'erp',
  state: 'active',
  breaker: 'closed',
  held_until: null,
  rate: null,
  quota_used: 0,
  quota_resets_at: null,
  reason: null,
  changed_at: at,
  ...changes,
});

describe('the status of a connection', () => {
  it('says nothing of what is not limited', () => {
    expect(connectionStatus(connection({}), row({}))).toEqual({
      name: 'erp',
      connector: 'rest',
      side: 'target',
      state: 'active',
      breaker: 'closed',
    });
  });

  it('names a daily quota that is used up, until when, and what is kept', () => {
    const budget = { dailyQuota: 100, reserve: 10 };
    const state = row({ quota_used: 93, quota_resets_at: at });
    expect(connectionStatus(connection(budget), state)).toMatchObject({
      quota: { daily: 100, reserve: 10, used: 93, usedUp: true, resetsAt: '2026-11-25T00:00:00.000Z' },
      reason:
        'the daily quota of 100 requests is used up until 2026-11-25T00:00:00.000Z, 7 are kept for what people order',
    });
    expect(quotaLeft(connection(budget).budget, state)).toBe(0);
    expect(quotaLeft(connection(budget).budget, row({ quota_used: 50 }))).toBe(40);
  });

  it('names a hold and a lowered rate', () => {
    expect(connectionStatus(connection({ requestsPerMinute: 600 }), row({ rate: 310.4 }))).toMatchObject({
      requestsPerMinute: 310.4,
      throttled: true,
      reason: 'asked to slow down: 310 requests per minute, rising again',
    });
    expect(connectionStatus(connection({}), row({ rate: 310.4, held_until: at })).reason).toMatch(
      /nothing is sent until/,
    );
  });

  it('lets the reason of a pause go before', () => {
    expect(connectionStatus(connection({}), row({ state: 'paused', reason: 'month end', rate: 5 })).reason).toBe(
      'month end',
    );
  });
});
