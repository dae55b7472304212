import { describe, expect, it } from '@jest/globals';
import { notBegun, totalOf } from './table.ts';

describe('the total of the promises', () => {
  const asked = ['kill -9', '429', 'slow answers'];

  it('names what was asked for and not begun', () => {
    const missing = notBegun(asked, ['429']);
    expect(missing).toEqual(['kill -9', 'slow answers']);
    expect(totalOf([], missing)).toMatch(/^all .*\nnot begun: kill -9, slow answers$/);
  });

  it('is one line when all was begun', () => {
    const missing = notBegun(asked, asked);
    expect(missing).toEqual([]);
    expect(totalOf([], missing)).toMatch(/^all .*$/);
  });
});
