import { describe, expect, it } from '@jest/globals';
import { Ahead } from './ahead.ts';

describe('how much to have in hand', () => {
  it('is the least before anything is measured, and for a target that is slow', () => {
    const ahead = new Ahead({ least: 1 / 8, most: 1 / 2 });
    expect(ahead.of(64)).toBe(8);
    ahead.made(5);
    ahead.used(2_000);
    expect(ahead.of(64)).toBe(8);
    expect(ahead.of(0)).toBe(0);
  });

  it('is what passes while more is made ready, and some more', () => {
    const ahead = new Ahead({ least: 1 / 8, most: 1 / 2 });
    ahead.made(10);
    ahead.used(50);
    expect(ahead.of(64)).toBe(20);
  });

  it('is bounded when the database is slow or the target answers at once', () => {
    const ahead = new Ahead({ least: 1 / 8, most: 1 / 2 });
    ahead.made(5_000);
    ahead.used(0.1);
    expect(ahead.of(64)).toBe(32);
  });

  it('follows what is measured', () => {
    const ahead = new Ahead({ least: 0, most: 10 });
    ahead.made(100);
    ahead.used(100);
    for (let n = 0; n < 100; n++) ahead.made(10);
    expect(ahead.of(100)).toBeLessThan(20);
  });
});
