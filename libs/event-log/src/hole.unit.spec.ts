import { describe, expect, it } from '@jest/globals';
import { findHole } from './hole.ts';

describe('holes in the offsets', () => {
  it('are found before, within and never after a dense batch', () => {
    expect(findHole([5n, 6n, 7n], 5n)).toBeNull();
    expect(findHole([6n, 7n], 5n)).toBe(5n);
    expect(findHole([5n, 7n], 5n)).toBe(6n);
    expect(findHole([4n, 5n], 5n)).toBe(5n);
    expect(findHole([], 5n)).toBeNull();
  });
});
