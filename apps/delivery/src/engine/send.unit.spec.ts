import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { Target, WriteRequest } from '#contracts';
import type { Lane, Prepared } from '../core/lane.ts';
import { send } from './send.ts';

const LANE = { document: 'payment', key: 'k' } as Lane;
const REQUEST = { operation: 'create', requestKey: 'r', targetId: null, body: '{}' } as Prepared;

describe('sending a request', () => {
  beforeEach(() => void jest.useFakeTimers());
  afterEach(() => void jest.useRealTimers());

  it('does not leave after it was given up, even in the very millisecond in which a third of the lease ends', async () => {
    let left = false;
    const target = {
      write: async (request: WriteRequest) => {
        await new Promise((resolve) => request.signal.addEventListener('abort', resolve));
        request.onRequestStart();
        left = true;
        return { outcome: 'done' as const };
      },
    } as unknown as Target;
    const begunAt = performance.now();
    const sent = send({
      target,
      lane: LANE,
      request: REQUEST,
      begunAt,
      leaseMs: 900,
      timeoutMs: 1_000,
      stop: () => undefined,
    });
    await jest.advanceTimersByTimeAsync(300);
    expect(performance.now()).toBe(begunAt + 300);
    expect(await sent).toEqual({ ended: { outcome: 'not-sent', why: 'too-late' }, durationMs: 0 });
    expect(left).toBe(false);
  });
});
