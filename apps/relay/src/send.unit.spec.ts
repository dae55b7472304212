import { describe, expect, it } from '@jest/globals';
import type { UnreadRow } from '#outbox';
import { recordOf, send } from './send.ts';
import { CollectingLog } from './testing/collecting-log.ts';

const row = (id: bigint, key: string, bytes = 1): UnreadRow => ({
  id,
  topic: 't',
  key,
  headers: { ce_id: String(id) },
  payload: Buffer.alloc(bytes),
  appendedAt: new Date('2026-11-24T00:00:00Z'),
});

describe('sending a batch', () => {
  const idsIn = (log: CollectingLog): string[] => log.records.map((record) => record.headers['ce_id']!);

  it('publishes what stands before a refused row of its key, and sets aside what follows', async () => {
    const log = new CollectingLog();
    log.largest = 100;
    const stopped = new Set<string>();
    const sent = await send(log, [row(1n, 'a'), row(2n, 'b'), row(3n, 'a', 200), row(4n, 'a'), row(5n, 'b')], stopped);
    expect(idsIn(log)).toEqual(['1', '2', '5']);
    expect(sent).toEqual({
      published: 3,
      aside: [
        { id: 3n, key: 'a', reason: 'record is too large' },
        { id: 4n, key: 'a', reason: 'stands behind row 3' },
      ],
    });
    expect([...stopped]).toEqual(['a']);
  });

  it('sets aside rows of several keys in one batch, each behind its own', async () => {
    const log = new CollectingLog();
    log.largest = 100;
    const sent = await send(log, [row(1n, 'a', 200), row(2n, 'b', 200), row(3n, 'c'), row(4n, 'b')], new Set());
    expect(idsIn(log)).toEqual(['3']);
    expect(sent.aside.map(({ id }) => id)).toEqual([1n, 2n, 4n]);
  });

  it('stops no key as long as the rest of the batch is not durable', async () => {
    const log = new CollectingLog();
    log.away = true;
    const stopped = new Set<string>();
    await expect(send(log, [row(1n, 'a')], stopped)).rejects.toThrow('the log is away');
    expect(stopped.size).toBe(0);
  });

  it('says when a row was accepted, unless capture already did', () => {
    expect(recordOf(row(1n, 'a')).headers['ce_acceptedat']).toBe('2026-11-24T00:00:00.000Z');
    const captured = { ...row(1n, 'a'), headers: { ce_acceptedat: '2026-11-23T00:00:00.000Z' } };
    expect(recordOf(captured).headers['ce_acceptedat']).toBe('2026-11-23T00:00:00.000Z');
  });
});
