import { describe, expect, it } from '@jest/globals';
import type { Database } from '#db';
import { Committer } from './committer.ts';
import type { Lease } from './commit.ts';

const lease = (partition: number, token = 1n): Lease => ({ topic: 't', partition, token });

/** Takes what it is asked to commit, all but stale tokens (0); the first `failing` statements fail. */
function server(failing = 0): { database: Database; statements: string[][] } {
  const statements: string[][] = [];
  const query = async (_: unknown, values: unknown[]): Promise<unknown[]> => {
    const [, , partitions, tokens, nexts] = values as [string, string[], number[], bigint[], bigint[]];
    statements.push(partitions.map((partition, at) => `${partition}:${nexts[at]}`));
    if (statements.length <= failing) throw new Error('away');
    return partitions.flatMap((partition, at) => (tokens[at] === 0n ? [] : [{ topic: 't', partition }]));
  };
  return { database: { query } as unknown as Database, statements };
}

describe('a committer of offsets', () => {
  it('commits those of several partitions in one statement, of each the newest', async () => {
    const { database, statements } = server();
    const committer = new Committer(database, 'g', () => {});
    const done = [committer.commit(lease(0), 1n), committer.commit(lease(1), 7n), committer.commit(lease(0), 3n)];
    expect(await Promise.all(done)).toEqual([true, true, true]);
    expect(statements).toEqual([['0:3', '1:7']]);
  });

  it('tells the holder of a stale token alone', async () => {
    const committer = new Committer(server().database, 'g', () => {});
    expect(await Promise.all([committer.commit(lease(0, 0n), 1n), committer.commit(lease(1), 1n)])).toEqual([
      false,
      true,
    ]);
  });

  it('tries a failed statement again, with what was handled since', async () => {
    const failures: unknown[] = [];
    const { database, statements } = server(1);
    const committer = new Committer(database, 'g', (cause) => failures.push(cause));
    const first = [committer.commit(lease(0), 1n), committer.commit(lease(1), 1n)];
    await committer.hurry(); // resolves when it fails
    const second = committer.commit(lease(0), 2n);
    expect(await Promise.all([...first, second])).toEqual([true, true, true]);
    expect(failures).toHaveLength(1);
    expect(statements.map((each) => each.toSorted())).toEqual([
      ['0:1', '1:1'],
      ['0:2', '1:1'],
    ]);
  });

  it('leaves to the next owner what cannot be committed before it closes', async () => {
    const committer = new Committer(server(Infinity).database, 'g', () => {});
    const waiting = committer.commit(lease(0), 1n);
    await committer.hurry();
    committer.close();
    expect(await waiting).toBe(false);
    expect(await committer.commit(lease(0), 2n)).toBe(false);
  });

  it('does not let a lease answer for the one after it', async () => {
    const committer = new Committer(server().database, 'g', () => {});
    const former = committer.commit(lease(0, 1n), 5n);
    const present = committer.commit(lease(0, 2n), 3n);
    expect(await Promise.all([former, present])).toEqual([false, true]);
  });
});
