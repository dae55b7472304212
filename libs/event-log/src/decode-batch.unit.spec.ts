import { describe, expect, it } from '@jest/globals';
import { CrossdockError } from '#contracts';
import type { StoredRecord } from '#contracts';
import { decodeBatch } from './decode-batch.ts';

const record = (value: Buffer | null): StoredRecord => ({
  topic: 't',
  partition: 0,
  offset: 0n,
  key: 'k',
  value,
  headers: {},
  timestamp: new Date(0),
});
const framed = (id: number, body: string) => Buffer.concat([Buffer.from([0, 0, 0, 0, id]), Buffer.from(body)]);

describe('decoding a batch', () => {
  const registry = { byId: async (id: number) => (id < 9 ? { id } : ('unknown' as const)) };

  it('tells of a foreign error only its kind, because its text may hold the payload', async () => {
    const { decoded, dead } = await decodeBatch([record(framed(1, 'salary: 9000'))], {
      registry,
      stage: 'mapper',
      read: (_, frame) => {
        throw new TypeError(`cannot read ${frame!.body.toString()}`);
      },
    });
    expect(decoded).toEqual([]);
    expect(dead.map((letter) => letter.reason)).toEqual(['cannot be decoded (TypeError)']);
  });

  it('throws what trying again can help, so that nothing is set aside', async () => {
    const read = () => {
      throw new CrossdockError('CROSSDOCK_TEST_AWAY', 'away', { retryable: true });
    };
    await expect(decodeBatch([record(null)], { registry, stage: 'mapper', read })).rejects.toThrow('away');
  });

  it('hands markers on without a frame', async () => {
    const { decoded } = await decodeBatch([record(null), record(framed(3, 'x'))], {
      registry,
      stage: 'mapper',
      read: (_, frame) => frame?.id ?? 'marker',
    });
    expect(decoded.map((each) => each.value)).toEqual(['marker', 3]);
  });
});
