import { describe, expect, it } from '@jest/globals';
import type { PlacedRecord } from './append.ts';
import { Writer } from './writer.ts';

const record = (key: string): PlacedRecord => ({ topic: 't', partition: 0, key, value: null, headers: {} });

/** A store that finishes each transaction when the test says so. */
function slowStore() {
  const transactions: { keys: string[]; commit(): void; fail(cause: Error): void }[] = [];
  const append = (records: readonly PlacedRecord[]): Promise<void> =>
    new Promise((resolve, reject) =>
      transactions.push({ keys: records.map(({ key }) => key), commit: resolve, fail: reject }),
    );
  return { transactions, append };
}

describe('the writer', () => {
  it('joins what comes during a transaction into the next one, in the order of the calls', async () => {
    const { transactions, append } = slowStore();
    let commits = 0;
    const writer = new Writer(append, () => commits++);
    const calls = ['a', 'b', 'c'].map((key) => writer.write([record(key)]));
    expect(transactions.map(({ keys }) => keys)).toEqual([['a']]);
    transactions[0]!.commit();
    await calls[0];
    expect(transactions.map(({ keys }) => keys)).toEqual([['a'], ['b', 'c']]);
    transactions[1]!.commit();
    await Promise.all(calls);
    await writer.idle();
    expect(commits).toBe(2);
  });

  it('keeps a transaction small: the call that would be too much waits', async () => {
    const { transactions, append } = slowStore();
    const writer = new Writer(append, () => {});
    const first = writer.write([record('first')]);
    const many = (name: string) => writer.write(Array.from({ length: 1_500 }, () => record(name)));
    const calls = [first, many('b'), many('c')];
    transactions[0]!.commit();
    await first;
    expect(transactions[1]!.keys).toHaveLength(1_500);
    transactions[1]!.commit();
    await calls[1];
    transactions[2]!.commit();
    await Promise.all(calls);
  });

  it('fails what was given before the failure was known, so that nothing overtakes what is appended again', async () => {
    const { transactions, append } = slowStore();
    const writer = new Writer(append, () => {});
    const calls = ['a', 'b'].map((key) => writer.write([record(key)]).catch((error: Error) => error.message));
    transactions[0]!.fail(new Error('away'));
    expect(await Promise.all(calls)).toEqual(['away', 'away']);
    const again = ['a', 'b'].map((key) => writer.write([record(key)]));
    transactions[1]!.commit();
    await again[0];
    transactions[2]!.commit();
    await Promise.all(again);
    expect(transactions.map(({ keys }) => keys)).toEqual([['a'], ['a'], ['b']]);
  });
});
