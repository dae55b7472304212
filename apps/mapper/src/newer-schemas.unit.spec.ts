import { describe, expect, it } from '@jest/globals';
import { NewerSchemas } from './newer-schemas.ts';

const MINUTE = 60_000;

describe('waiting for a newer version of the mapper', () => {
  const at = (): { newer: NewerSchemas; pass(ms: number): void; told: number[] } => {
    let now = 0;
    const told: number[] = [];
    const newer = new NewerSchemas({ now: () => now, onWait: (id) => void told.push(id) });
    return { newer, told, pass: (ms) => void (now += ms) };
  };

  it('lasts five minutes from the first event on, for every id, and is told once', () => {
    const { newer, pass, told } = at();
    expect(newer.waits(13)).toBe(true);
    pass(4 * MINUTE);
    expect([newer.waits(13), newer.waits(14)]).toEqual([true, true]);
    pass(MINUTE);
    expect([newer.waits(13), newer.waits(14), newer.waits(15)]).toEqual([false, false, false]);
    expect(told).toEqual([13]);
  });

  it('begins again an hour later, for ids that were not waited for before', () => {
    const { newer, pass, told } = at();
    newer.waits(13);
    pass(59 * MINUTE);
    expect(newer.waits(14)).toBe(false);
    pass(MINUTE);
    expect(newer.waits(13)).toBe(false);
    expect(newer.waits(14)).toBe(true);
    expect(newer.waits(13)).toBe(false);
    expect(told).toEqual([13, 14]);
  });

  it('takes five minutes of an hour at most, whatever ids others make up, and remembers so many of them', () => {
    const { newer, pass } = at();
    const waited = [0, 0, 0, 0, 0, 0];
    for (let second = 0; second < 6 * 3_600; second++, pass(1_000))
      if (newer.waits(second)) waited[Math.floor(second / 3_600)]!++;
    expect(waited).toEqual([300, 300, 300, 100, 0, 0]);
  });
});
