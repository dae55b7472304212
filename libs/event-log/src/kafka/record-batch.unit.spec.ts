import { describe, expect, it } from '@jest/globals';
import { crc32c, Reader, readRecordsBatch } from '@platformatic/kafka';
import fc from 'fast-check';
import { produceRequest } from './record-batch.ts';
import type { SafeMessage } from './record-batch.ts';

const SENDER = { producerId: 4_711n, producerEpoch: 3, sequence: 2 ** 31 - 2 };
/** What stands before the batch in a request for a topic of this name. */
const before = (topic: string): number => 26 + Buffer.byteLength(topic);

/** A request as the client's own reader understands it. */
function read(topic: string, request: Buffer) {
  const head = Reader.from(request);
  expect([head.readInt16(), head.readInt16(), head.readInt32()]).toEqual([-1, -1, 9_000]);
  expect([head.readInt32(), head.readString(false), head.readInt32(), head.readInt32()]).toEqual([1, topic, 1, 7]);
  const bytes = head.readInt32();
  const batch = request.subarray(before(topic));
  expect(batch.length).toBe(bytes);
  const found = readRecordsBatch(Reader.from(batch));
  expect(found.length).toBe(bytes - 12);
  expect(found.crc).toBe(crc32c(batch.subarray(21)));
  return found;
}

const made = (messages: readonly SafeMessage[], topic = 'crm.order.v1') =>
  read(topic, produceRequest({ topic, partition: 7, timeoutMs: 9_000 }, messages, SENDER));

const asText = (bytes: Buffer | null): string | null => bytes && bytes.toString();

describe('a produce request', () => {
  it('holds what was given, whatever it is, as the other side reads it', () => {
    const text = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 200 }),
      fc.string({ unit: 'grapheme', maxLength: 70 }),
      fc.string({ minLength: 62, maxLength: 66 }),
    );
    const message = fc.record({
      key: text,
      value: fc.option(fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes))),
      headers: fc.dictionary(text, text, { maxKeys: 14 }).map((headers) => ({ ...headers })),
    });
    fc.assert(
      fc.property(fc.array(message, { minLength: 1, maxLength: 30 }), (messages) => {
        const batch = made(messages);
        expect(batch.records.map(({ offsetDelta }) => offsetDelta)).toEqual(messages.map((_, n) => n));
        expect(
          batch.records.map(({ key, value, headers }) => ({
            key: asText(key),
            value: value && value.toString('hex'),
            headers: headers.map(([name, of]) => [asText(name), asText(of)]),
          })),
        ).toEqual(
          messages.map(({ key, value, headers }) => ({
            key,
            value: value && value.toString('hex'),
            headers: Object.entries(headers),
          })),
        );
      }),
    );
  });

  it('makes room for records of any length', () => {
    for (const bytes of [0, 20, 60, 8_100, 8_200, 3_000_000, 10]) {
      const value = Buffer.alloc(bytes, 7);
      const [first, second] = made([
        { key: 'a', value, headers: { of: 'x'.repeat(bytes) } },
        { key: 'b', value: null, headers: {} },
      ]).records;
      expect(first!.value?.equals(value)).toBe(true);
      expect(asText(second!.key)).toBe('b');
    }
  });

  it('says who sends it, from which number on, and how many records follow', () => {
    const batch = made(['a', 'b', 'c'].map((key) => ({ key, value: null, headers: {} })));
    expect(batch).toMatchObject({
      firstOffset: 0n,
      magic: 2,
      attributes: 0,
      lastOffsetDelta: 2,
      producerId: SENDER.producerId,
      producerEpoch: SENDER.producerEpoch,
      firstSequence: SENDER.sequence,
    });
    expect(batch.firstTimestamp).toBe(batch.maxTimestamp);
    expect(Math.abs(Number(batch.firstTimestamp) - Date.now())).toBeLessThan(60_000);
  });

  it('names a topic that is not ASCII', () => {
    expect(made([{ key: 'k', value: null, headers: {} }], 'größe').records).toHaveLength(1);
  });
});
