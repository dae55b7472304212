import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { chunksWithin, recordBytes, refuseUnfit } from './refuse.ts';

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

  it('splits into chunks that fit, in order, leaving nothing out', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 900 })), (sizes) => {
        const records = sizes.map((size) => record(size));
        const chunks = chunksWithin(records, 1_000);
        expect(chunks.flat()).toEqual(records);
        for (const chunk of chunks) {
          expect(chunk.length).toBeGreaterThan(0);
          expect(chunk.reduce((sum, each) => sum + recordBytes(each), 0)).toBeLessThanOrEqual(1_000);
        }
      }),
    );
  });
});
