import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { clonedDatabase, eventually, type ClonedDatabase } from '#testing';
import { watchCommits } from './commits.ts';

describe('the watch over commits', () => {
  let clone: ClonedDatabase;
  beforeAll(async () => {
    clone = await clonedDatabase({ max: 1 }); // one session, so that a `set` is for the watch
  });
  afterAll(() => clone.close());

  it('says once that accepted events may be lost, and again when that comes back', async () => {
    const found: (string | undefined)[] = [];
    const surprises: string[] = [];
    const looks = async (): Promise<void> => {
      const { length } = found;
      await eventually(() => found.length > length + 3, 'it has looked again');
    };
    await clone.database.query('set synchronous_commit = off');
    const stop = watchCommits({
      database: clone.database,
      everyMs: 10,
      found: (risk) => found.push(risk),
      surprised: (message) => surprises.push(message),
    });
    await looks();
    expect(found.at(-1)).toMatch(/^synchronous_commit is off/);
    expect(surprises).toHaveLength(1);
    await clone.database.query('set synchronous_commit = on');
    await looks();
    expect(found.at(-1)).toBe(undefined);
    await clone.database.query('set synchronous_commit = off');
    await looks();
    expect(surprises).toHaveLength(2);
    await stop();
  });
});
