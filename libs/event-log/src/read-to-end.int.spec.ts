import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { declareTopics } from '#contracts';
import { clonedDatabase, type ClonedDatabase } from '#testing';
import { partitionOf } from './partition.ts';
import { PostgresEventLog } from './postgres/postgres-event-log.ts';
import { readToEnd } from './read-to-end.ts';
import { refillMarkers } from './refill.ts';

const topic = 'crm.order.v1';

describe('reading the log to its end', () => {
  let clone: ClonedDatabase;
  let log: PostgresEventLog;
  beforeEach(async () => {
    clone = await clonedDatabase();
    log = new PostgresEventLog({ database: clone.database });
    await log.ensureTopics(declareTopics([]));
  });
  afterEach(async () => {
    await log.close();
    await clone.close();
  });

  it('comes to the end of partitions that end with what a refill left there', async () => {
    const partitions = (await log.lag('nobody', [topic])).length;
    const record = { topic, key: 'acme:order:1', value: Buffer.from('an order'), headers: {} };
    const mark = (partition: number): ReturnType<typeof refillMarkers> =>
      refillMarkers({ group: 'mapper', topic, partition, partitions, committed: 0n });
    const [its, another] = [partitionOf(record.key, partitions), partitionOf('acme:order:2', partitions)];
    const { begin, end } = mark(its);
    await log.append([begin, record, end, mark(another).begin]);
    const keys: string[] = [];
    await readToEnd(log, [topic], (records) => void keys.push(...records.map(({ key }) => key)), 5_000);
    expect(keys).toEqual([record.key]);
  });
});
