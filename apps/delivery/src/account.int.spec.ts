import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { StoredRecord } from '#contracts';
import { clonedDatabase, type ClonedDatabase } from '#testing';
import { storeDeadLetters } from './account.ts';

const TOPIC = 'crm.order.v1.dead-letter';
const stood = { dl_topic: 'crm.order.v1', dl_partition: '3', dl_offset: '17', dl_stage: 'mapping', dl_reason: 'no' };
let offset = 0n;
const letter = (headers: Record<string, string>, change: Partial<StoredRecord> = {}): StoredRecord => ({
  topic: TOPIC,
  partition: 0,
  offset: offset++,
  timestamp: new Date(),
  key: 'k',
  value: Buffer.from('{}'),
  headers,
  ...change,
});

describe('the account of dead letters', () => {
  let clone: ClonedDatabase;
  beforeAll(async () => {
    clone = await clonedDatabase();
  });
  afterAll(() => clone.close());

  const places = () =>
    clone.database.query<{ topic: string; partition: number; offset: bigint }>(
      'delete from dead_letter returning topic, "partition", "offset"',
    );

  it('keeps each under the place where it stood, once', async () => {
    await storeDeadLetters(clone.database, [letter(stood)]);
    await storeDeadLetters(clone.database, [letter(stood)]);
    expect(await places()).toEqual([{ topic: 'crm.order.v1', partition: 3, offset: 17n }]);
  });

  it.each<[string, Partial<StoredRecord>, Partial<StoredRecord>]>([
    [
      'another event',
      { headers: { ...stood, ce_id: '11111111-1111-4111-8111-111111111111' } },
      { headers: { ...stood, ce_id: '22222222-2222-4222-8222-222222222222' } },
    ],
    ['what says no event and has other bytes', { value: Buffer.from('poison') }, { value: Buffer.from('more of it') }],
    ['what says no event and has no bytes', { value: Buffer.from('poison') }, { value: null }],
  ])('keeps %s under the place where one stood before the topic was made anew', async (_, before, after) => {
    for (const each of [before, after, after]) await storeDeadLetters(clone.database, [letter(stood, each)]);
    const place = { topic: 'crm.order.v1', partition: 3, offset: 17n };
    expect(await places()).toEqual([place, place]);
  });

  it.each<[string, Record<string, string>]>([
    ['nothing', {}],
    ['a partition that is no number', { ...stood, dl_partition: 'three' }],
    ['a partition beyond all numbers', { ...stood, dl_partition: '99999999999' }],
    ['no partition', { dl_topic: 'crm.order.v1', dl_offset: '17' }],
    ['an offset below zero', { ...stood, dl_offset: '-1' }],
    [
      'a topic longer than any',
      { ...stood, dl_topic: Array.from({ length: 5_000 }, (_, n) => n.toString(36)).join('') },
    ],
    ['a topic that none is called', { ...stood, dl_topic: 'crm\u0000order' }],
  ])('keeps what says %s of that under the place where it lies', async (_, headers) => {
    const record = letter(headers, { value: null });
    await storeDeadLetters(clone.database, [record]);
    expect(await places()).toEqual([{ topic: TOPIC, partition: 0, offset: record.offset }]);
  });
});
