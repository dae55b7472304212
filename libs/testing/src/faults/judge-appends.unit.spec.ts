import { describe, expect, it } from '@jest/globals';
import type { StoredRecord } from '#contracts';
import { GOOD, judgeAppends } from './judge-appends.ts';

const log = (...values: string[]): StoredRecord[] =>
  values.map((value, offset) => ({
    topic: 't',
    partition: 0,
    offset: BigInt(offset),
    key: value.slice(0, value.indexOf(':')),
    value: Buffer.from(value),
    headers: {},
    timestamp: new Date(0),
  }));

describe('judging what was appended', () => {
  it('sees what is lost, what is there twice and what comes too late', () => {
    expect(judgeAppends(['a:1', 'a:2', 'b:1'], log('a:2', 'a:1', 'a:2'))).toEqual({
      lost: ['b:1'],
      doubled: ['a:2'],
      inverted: ['a:1'],
    });
  });

  it('takes a place once however often it was read, in the order of the log, and what nobody acknowledged as well', () => {
    const records = log('a:1', 'b:1', 'a:2', 'a:10');
    expect(judgeAppends(['a:1', 'b:1'], [...records, ...records].reverse())).toEqual(GOOD);
  });
});
