import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import kafkajs from 'kafkajs';
import { murmur2, partitionOf } from './partition.ts';

describe('the partition of a key', () => {
  it('is the one that kafkajs and the Java client choose', () => {
    const choose = kafkajs.Partitioners.DefaultPartitioner();
    fc.assert(
      fc.property(
        fc.string({ unit: 'grapheme', minLength: 1, maxLength: 40 }),
        fc.integer({ min: 1, max: 24 }),
        (key, n) => {
          const partitionMetadata = Array.from({ length: n }, (_, partitionId) => ({
            partitionId,
            leader: 1,
            partitionErrorCode: 0,
            replicas: [1],
            isr: [1],
          }));
          expect(partitionOf(key, n)).toBe(choose({ topic: 't', partitionMetadata, message: { key, value: null } }));
        },
      ),
    );
  });

  it('hashes as Apache Kafka does in its own tests (UtilsTest.testMurmur2)', () => {
    const known: [string, number][] = [
      ['21', -973932308],
      ['foobar', -790332482],
      ['a-little-bit-long-string', -985981536],
      ['a-little-bit-longer-string', -1486304829],
      ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58897971],
    ];
    for (const [text, hash] of known) expect(murmur2(Buffer.from(text)) | 0).toBe(hash);
  });

  it('spreads record keys evenly', () => {
    const counts = new Map<number, number>();
    for (let n = 0; n < 12_000; n++) {
      const partition = partitionOf(`acme:order:sb-${n}`, 12);
      counts.set(partition, (counts.get(partition) ?? 0) + 1);
    }
    expect(counts.size).toBe(12);
    for (const count of counts.values()) expect(Math.abs(count - 1000)).toBeLessThan(200);
  });
});
