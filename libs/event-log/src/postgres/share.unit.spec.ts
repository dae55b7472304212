import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { shareOf } from './share.ts';

const members = fc.uniqueArray(fc.uuid(), { minLength: 1, maxLength: 6 });
const topics = fc.dictionary(fc.stringMatching(/^[a-z]{1,6}$/), fc.integer({ min: 1, max: 12 }), {
  minKeys: 1,
  maxKeys: 8,
});

describe('the share of a member', () => {
  it('gives each partition to exactly one member, and nobody two more than another', () => {
    fc.assert(
      fc.property(members, topics, (ids, counts) => {
        const all = new Map(Object.entries(counts));
        const group = ids.map((member) => ({ member, topics: [...all.keys()] }));
        const shares = ids.map((id) => shareOf(id, group, all).map((place) => `${place.topic}/${place.partition}`));
        const given = shares.flat();
        expect(new Set(given).size).toBe(given.length);
        expect(given.length).toBe([...all.values()].reduce((sum, n) => sum + n, 0));
        const sizes = shares.map((share) => share.length);
        expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1);
      }),
    );
  });

  it('gives a topic only to members that read it', () => {
    const group = [
      { member: 'a', topics: ['one', 'two'] },
      { member: 'b', topics: ['two'] },
    ];
    const all = new Map([
      ['one', 2],
      ['two', 2],
    ]);
    expect(shareOf('b', group, all).every((place) => place.topic === 'two')).toBe(true);
    expect(shareOf('a', group, all).filter((place) => place.topic === 'one')).toHaveLength(2);
  });
});
