import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { Snapshot } from '#outbox';
import { advance, mark } from './cursor.ts';
import { World, type Plan, type Rules } from './testing/world.ts';

const snapshot = (xmin: bigint, ids: bigint[], cut = false): Snapshot => ({
  xmin,
  drawn: 0n,
  cut,
  rows: ids.map((id) => ({ id, topic: 't', key: 'k', headers: {}, payload: null, appendedAt: new Date(0) })),
});

describe('the cursor', () => {
  it('keeps what a read skipped as a gap, without holding back what is above', () => {
    const { cursor } = advance({ high: 3n, gaps: [] }, snapshot(10n, [4n, 7n, 9n]));
    expect(cursor).toEqual({
      high: 9n,
      gaps: [
        { from: 5n, to: 6n, xid: null, proven: false },
        { from: 8n, to: 8n, xid: null, proven: false },
      ],
    });
  });

  it('drops a gap only after a snapshot beyond its mark, and one more read that misses it', () => {
    const seen = advance({ high: 0n, gaps: [] }, snapshot(10n, [2n])).cursor;
    const marked = mark(seen, 20n);
    const stillOpen = advance(marked, snapshot(20n, []));
    expect(stillOpen.cursor.gaps[0]).toMatchObject({ proven: false });
    const proven = advance(marked, snapshot(21n, []));
    expect(proven.cursor.gaps[0]).toMatchObject({ proven: true });
    expect(proven.dropped).toEqual([]);
    const gone = advance(proven.cursor, snapshot(21n, []));
    expect(gone.cursor.gaps).toEqual([]);
    expect(gone.dropped).toEqual([{ from: 1n, to: 1n, xid: 20n, proven: true }]);
  });

  it('never proves a gap that has no mark yet', () => {
    const seen = advance({ high: 0n, gaps: [] }, snapshot(10n, [2n])).cursor;
    expect(advance(seen, snapshot(1_000n, [])).cursor.gaps).toEqual(seen.gaps);
  });

  it('takes a late row out of its gap and keeps the rest', () => {
    const gap = { from: 1n, to: 9n, xid: 5n, proven: false };
    const { cursor } = advance({ high: 10n, gaps: [gap] }, snapshot(5n, [4n]));
    expect(cursor.gaps).toEqual([
      { ...gap, to: 3n },
      { ...gap, from: 5n },
    ]);
  });

  it('learns nothing about ids behind the last row of a read that was cut short', () => {
    const gaps = [
      { from: 1n, to: 4n, xid: 5n, proven: true },
      { from: 6n, to: 8n, xid: 5n, proven: true },
    ];
    const { cursor, dropped } = advance({ high: 9n, gaps }, snapshot(50n, [2n], true));
    expect(dropped).toEqual([{ from: 1n, to: 1n, xid: 5n, proven: true }]);
    expect(cursor.gaps).toEqual([{ from: 3n, to: 4n, xid: 5n, proven: true }, gaps[1]]);
  });

  it('keeps a million rolled-back ids as one range', () => {
    const { cursor } = advance({ high: 0n, gaps: [] }, snapshot(5n, [1_000_001n]));
    expect(cursor.gaps).toHaveLength(1);
  });
});

describe('the cursor among concurrent writers, crashes and rollbacks', () => {
  const plans = fc.array(
    fc.record({ key: fc.constantFrom('a', 'b', 'c', 'd'), early: fc.boolean(), rollsBack: fc.boolean() }),
    {
      minLength: 2,
      maxLength: 6,
    },
  );
  const choices = fc.array(fc.noBias(fc.nat({ max: 1000 })), { maxLength: 120, size: 'max' });
  const outcome = (rules: Rules, list: readonly number[], plan: readonly Plan[]): World => {
    const world = new World(plan, rules);
    for (const choice of list) world.choose(choice);
    world.finish();
    return world;
  };

  it.each([
    { overlap: false, limit: 9 },
    { overlap: true, limit: 9 },
    { overlap: true, limit: 1 },
    { overlap: true, limit: 2 },
  ])('loses nothing, inverts nothing, leaves no gap open: %o', (how) => {
    fc.assert(
      fc.property(plans, choices, (plan, list) => {
        const world = outcome({ ...how, advance }, list, plan);
        expect(world.lost()).toEqual([]);
        expect(world.inverted()).toEqual([]);
        expect(world.openGaps).toBe(0);
      }),
      { numRuns: 1500 },
    );
  });

  const breaks = (broken: Rules['advance']): boolean => {
    const found = fc.check(
      fc.property(plans, choices, (plan, list) => {
        const world = outcome({ overlap: true, limit: 9, advance: broken }, list, plan);
        return world.lost().length === 0 && world.inverted().length === 0;
      }),
      { numRuns: 20_000 },
    );
    return found.failed;
  };

  it('would lose rows with `id > last`', () => {
    expect(breaks((cursor, seen) => ({ cursor: { ...advance(cursor, seen).cursor, gaps: [] }, dropped: [] }))).toBe(
      true,
    );
  });

  it('would lose rows if a gap were dropped after one more read without proof', () => {
    const hasty: Rules['advance'] = (cursor, seen) => {
      const gaps = cursor.gaps.map((gap) => ({ ...gap, xid: 0n }));
      return advance({ ...cursor, gaps }, { ...seen, xmin: 1n });
    };
    expect(breaks(hasty)).toBe(true);
  });
});
