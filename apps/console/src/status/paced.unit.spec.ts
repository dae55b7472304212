import { describe, expect, it } from '@jest/globals';
import { paced } from './paced.ts';

/** Work that takes so many milliseconds of a clock that only it moves. */
function slow(milliseconds: number) {
  let now = 0;
  let runs = 0;
  const work = async (): Promise<number> => {
    now += milliseconds;
    return ++runs;
  };
  return { work, clock: () => now, pass: (time: number) => void (now += time) };
}

describe('paced work', () => {
  it('is never held back while it is fast', async () => {
    const { work, clock } = slow(10);
    const ask = paced(work, { share: 0.1, least: 100 }, clock);
    expect([await ask(), await ask(), await ask()]).toEqual([1, 2, 3]);
  });

  it('takes no more than its share of the time when it is slow', async () => {
    const { work, clock, pass } = slow(200);
    const ask = paced(work, { share: 0.1, least: 100 }, clock);
    expect([await ask(), await ask()]).toEqual([1, 1]);
    pass(1_799);
    expect(await ask()).toBe(1);
    pass(1);
    expect(await ask()).toBe(2);
  });

  it('keeps an answer as long as it is told to', async () => {
    const { work, clock, pass } = slow(1);
    const ask = paced(work, { share: 0.1, least: 100, every: 1_000 }, clock);
    expect([await ask(), await ask()]).toEqual([1, 1]);
    pass(1_000);
    expect(await ask()).toBe(2);
  });

  it('shares the next run among those who ask during one: what they did before asking is not in the first', async () => {
    const { work, clock } = slow(10);
    const ask = paced(work, { share: 0.1, least: 100 }, clock);
    expect(await Promise.all([ask(), ask(), ask()])).toEqual([1, 2, 2]);
  });

  it('does not keep a failure', async () => {
    let runs = 0;
    const ask = paced(
      async () => {
        if (++runs === 1) throw new Error('away');
        return runs;
      },
      { share: 0.1, least: 100, every: 60_000 },
    );
    await expect(ask()).rejects.toThrow('away');
    expect(await ask()).toBe(2);
  });
});
