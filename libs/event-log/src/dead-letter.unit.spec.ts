import { describe, expect, it } from '@jest/globals';
import type { LogRecord, StoredRecord } from '#contracts';
import { deadLetterRecord } from './dead-letter.ts';
import { handleUntilDone } from './handling.ts';
import { refuseUnfit } from './refuse.ts';

const LIMIT = 1_048_576;
const stored = (key: string, headers: Record<string, string>): StoredRecord => ({
  topic: 'crm.order.v1',
  partition: 3,
  offset: 7n,
  timestamp: new Date(),
  key,
  value: Buffer.from([0, 1]),
  headers,
});

describe('the dead letter of a record that others wrote', () => {
  it.each([
    ['a key that begins with NUL, as a serialised number does', '\0\0\u0001', {}],
    ['half a character in its key', 'k\ud800', {}],
    ['NUL in a header', 'k', { note: 'a\0b', fine: 'c' }],
    ['NUL in the name of a header', 'k', { 'a\0b': 'c' }],
  ])('is taken by both logs in spite of %s, and keeps what stood there', (_, key, headers) => {
    const dead = deadLetterRecord({ record: stored(key, headers), reason: 'broken', stage: 'mapper' });
    expect(() => refuseUnfit(dead, LIMIT)).not.toThrow();
    const original = JSON.parse(Buffer.from(dead.headers['dl_original']!, 'base64').toString()) as object;
    expect(original).toMatchObject({ key });
    const unfit = Object.entries(headers).filter(([name, text]) => /\0/.test(name + text));
    expect(original).toMatchObject({ headers: Object.fromEntries(unfit) });
  });

  it('keeps no copy of what fits, nor one that would make it too large', () => {
    const fits = deadLetterRecord({ record: stored('k', { a: 'b' }), reason: 'broken', stage: 'mapper' });
    expect(fits.headers).not.toHaveProperty('dl_original');
    const large = deadLetterRecord({ record: stored('k', { a: '\0'.repeat(20_000) }), reason: 'b', stage: 'mapper' });
    expect(large.headers).not.toHaveProperty('dl_original');
    expect(() => refuseUnfit(large, LIMIT)).not.toThrow();
  });

  it('goes without its headers and most of its key where bytes that are no text have made it too large', async () => {
    const garbage = Buffer.alloc(400_000, 0xff).toString(); // as a key of 400 kB that is no UTF-8 is read
    const record = stored(garbage, { note: garbage });
    const written: LogRecord[] = [];
    const append = async (records: readonly LogRecord[]): Promise<void> => {
      for (const each of records) refuseUnfit(each, LIMIT);
      written.push(...records);
    };
    const done = await handleUntilDone(
      { topic: record.topic, partition: 3, records: [record, stored('k', {})], signal: new AbortController().signal },
      {
        subscription: {
          group: 'mapper',
          handle: async ({ records }) => records.map((each) => ({ record: each, reason: 'broken', stage: 'mapper' })),
        },
        append,
        lost: new AbortController().signal,
      },
    );
    expect(done).toBe(true);
    expect(written.map(({ key, value, headers }) => [key.length, value, headers['dl_offset']])).toEqual([
      [1_000, record.value, '7'],
      [1, record.value, '7'],
    ]);
  }, 5_000);

  it('goes without its value where that alone is too large, and says how large it was and where it stands', async () => {
    const record = { ...stored('k', { ce_id: 'e' }), value: Buffer.alloc(3_000_000) };
    const written: LogRecord[] = [];
    const problems: string[] = [];
    const stop = new AbortController();
    const done = await handleUntilDone(
      { topic: record.topic, partition: 3, records: [record], signal: stop.signal },
      {
        subscription: {
          group: 'mapper',
          handle: async ({ records }) => records.map((each) => ({ record: each, reason: 'broken', stage: 'mapper' })),
          onProblem: ({ message }) => {
            problems.push(message);
            stop.abort(); // else the batch comes again without end
          },
        },
        append: async (records) => {
          for (const each of records) refuseUnfit(each, LIMIT);
          written.push(...records);
        },
        lost: new AbortController().signal,
      },
    );
    expect({ done, problems }).toEqual({ done: true, problems: [] });
    expect(written).toEqual([
      {
        topic: 'crm.order.v1.dead-letter',
        key: 'k',
        value: null,
        headers: {
          dl_reason: 'broken; its value of 3000000 bytes is not kept here, crm.order.v1 has it for its time',
          dl_stage: 'mapper',
          dl_topic: 'crm.order.v1',
          dl_partition: '3',
          dl_offset: '7',
          dl_value_bytes: '3000000',
        },
      },
    ]);
  }, 5_000);
});
