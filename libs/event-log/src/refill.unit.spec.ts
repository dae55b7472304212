import { describe, expect, it } from '@jest/globals';
import type { LogRecord } from '#contracts';
import { partitionOf } from './partition.ts';
import { refillMarkers, RefillScan } from './refill.ts';

const gap = { group: 'mapper', topic: 'crm.order.v1', partition: 7, partitions: 12, committed: 40n };
const at = (offset: bigint, { headers, value }: Pick<LogRecord, 'headers' | 'value'>) => ({ offset, headers, value });
const record = (offset: bigint) => at(offset, { headers: {}, value: Buffer.from('x') });

describe('the markers around a refill', () => {
  it('stand in the partition that they mend', () => {
    for (let partition = 0; partition < 12; partition++) {
      const { begin, end } = refillMarkers({ ...gap, partition });
      expect([partitionOf(begin.key, 12), partitionOf(end.key, 12)]).toEqual([partition, partition]);
    }
  });

  it('let a stopped member go on behind the first once the second was seen, in whatever pieces they come', () => {
    const { begin, end } = refillMarkers(gap);
    const scan = new RefillScan('mapper', 40n);
    expect(scan.look([record(90n), at(91n, begin)])).toBeNull();
    expect(scan.look([record(92n), record(93n)])).toBeNull();
    expect(scan.look([at(94n, end)])).toBe(92n);
  });

  it('mean nothing when the refill was cut off, was for another group, or began behind what is missing here', () => {
    const cut = refillMarkers(gap);
    const whole = refillMarkers(gap);
    const other = refillMarkers({ ...gap, group: 'delivery' });
    const later = refillMarkers({ ...gap, committed: 60n });
    const scan = new RefillScan('mapper', 40n);
    expect(scan.look([at(90n, cut.begin), at(91n, other.begin), at(92n, other.end)])).toBeNull();
    expect(scan.look([at(93n, later.begin), at(94n, later.end), at(95n, whole.end)])).toBeNull();
    expect(scan.look([at(96n, whole.begin), at(97n, cut.end)])).toBe(91n);
  });

  it('hold for a member that had come further than what was committed, and for a log that lost its end', () => {
    const { begin, end } = refillMarkers(gap);
    expect(new RefillScan('mapper', 45n).look([at(90n, begin), at(91n, end)])).toBe(91n);
    expect(new RefillScan('mapper', 95n).look([at(90n, begin), at(91n, end)])).toBeNull();
    expect(new RefillScan('mapper', 40n).look([at(3n, begin), at(4n, end)])).toBe(4n);
  });
});
