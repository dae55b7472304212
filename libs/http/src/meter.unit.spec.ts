import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { createMeter, type Meter } from './meter.ts';

describe('the meter', () => {
  let meter: Meter;
  const record = (kind: 'ok' | 'failure', times: number, durationMs = 5): void => {
    for (let call = 0; call < times; call++) meter.record(kind, durationMs);
  };
  beforeEach(() => {
    jest.useFakeTimers();
    meter = createMeter({ windowMs: 10_000, minimum: 10, failures: 0.5, slowMs: 1_000 });
  });
  afterEach(() => {
    meter.reset();
    jest.useRealTimers();
  });

  it('does not trip below its minimum, whatever fails', () => {
    record('failure', 9);
    expect(meter.tripped()).toBe(false);
    record('failure', 1);
    expect(meter.tripped()).toBe(true);
  });

  it('trips at its share of failures and not below it', () => {
    record('ok', 6);
    record('failure', 5);
    expect(meter.tripped()).toBe(false);
    record('failure', 1);
    expect(meter.tripped()).toBe(true);
  });

  it('is tripped right after the call that tripped it', () => {
    record('ok', 5);
    record('failure', 5);
    expect(meter.tripped()).toBe(true);
  });

  it('takes a slow success for a failure', () => {
    record('ok', 10, 1_000);
    expect(meter.tripped()).toBe(true);
  });

  it('forgets what is older than its window', () => {
    record('failure', 9);
    jest.advanceTimersByTime(11_000);
    record('failure', 9);
    expect(meter.tripped()).toBe(false);
  });

  it('stays tripped until it is told, however long that takes and whatever is recorded', () => {
    record('failure', 10);
    jest.advanceTimersByTime(2 * 3_600_000);
    record('ok', 1);
    expect(meter.tripped()).toBe(true);
    meter.reset();
    expect(meter.tripped()).toBe(false);
    record('failure', 9);
    expect(meter.tripped()).toBe(false);
  });
});
