import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { Chunks, recordBytes, refuseUnfit } from './refuse.ts';

const record = (bytes: number, key = 'k') => ({
  topic: 't',
  key,
  value: Buffer.alloc(bytes),
  headers: { name: 'value' },
});

describe('what the log refuses', () => {
  it('counts key, value and headers', () => {
    expect(() => refuseUnfit(record(900), 1_100)).not.toThrow();
    expect(() => refuseUnfit(record(1_100), 1_100)).toThrow('more than t takes');
    expect(() => refuseUnfit(record(10, 'k'.repeat(1_100)), 1_100)).toThrow('more than t takes');
    expect(() => refuseUnfit({ ...record(10), headers: { a: 'x'.repeat(1_100) } }, 1_100)).toThrow('more than t takes');
  });

  it('never names a key or a value', () => {
    const secret = { ...record(10), key: 'secret\0' };
    expect(() => refuseUnfit(secret, 1_000)).toThrow(
      expect.not.objectContaining({ message: expect.stringContaining('secret') }),
    );
  });

  it('takes any other text, and counts it as it counts for the batch', () => {
    const text = fc.oneof(fc.string({ unit: 'binary', maxLength: 140 }), fc.string({ minLength: 120, maxLength: 140 }));
    fc.assert(
      fc.property(text, text, text, (key, name, value) => {
        const given = { topic: 't', key, value: null, headers: Object.fromEntries([[name, value]]) };
        if ([key, name, value].some((each) => each.includes('\0')))
          expect(() => refuseUnfit(given, 10_000)).toThrow('holds NUL or a lone surrogate');
        else expect(refuseUnfit(given, 10_000)).toBe(recordBytes(given));
      }),
    );
    for (const bad of ['a\0', 'a\ud800', 'a'.repeat(200) + '\udc00'])
      for (const headers of [{ name: bad }, { [bad]: 'value' }])
        expect(() => refuseUnfit({ ...record(10), headers }, 10_000)).toThrow('a header for t holds NUL');
  });

  it('splits into chunks that fit, in order, leaving nothing out', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 900 })), (sizes) => {
        const records = sizes.map((size) => record(size));
        const split = new Chunks<(typeof records)[number]>(1_000);
        for (const each of records) split.add(each, recordBytes(each));
        const { chunks } = split;
        expect(chunks.flat()).toEqual(records);
        for (const chunk of chunks) {
          expect(chunk.length).toBeGreaterThan(0);
          expect(chunk.reduce((sum, each) => sum + recordBytes(each), 0)).toBeLessThanOrEqual(1_000);
        }
      }),
    );
  });
});
