import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { LogProblem } from '#contracts';
import { clonedDatabase, eventually, type ClonedDatabase } from '#testing';
import { PostgresEventLog } from './postgres-event-log.ts';

const TOPIC = 'exact.v1';

describe('a reader of a partition', () => {
  let postgres: ClonedDatabase;
  beforeAll(async () => {
    postgres = await clonedDatabase();
  });
  afterAll(() => postgres?.close());

  it('sees no hole behind a batch that ends where the partition ends', async () => {
    const log = new PostgresEventLog({ database: postgres.database });
    const sizes = { partitions: 1, retentionMs: 3_600_000, maxMessageBytes: 10_000 };
    await log.ensureTopics([{ ...sizes, name: TOPIC, writer: 'relay', key: '', value: '' }]);
    const append = (count: number) =>
      log.append(Array.from({ length: count }, () => ({ topic: TOPIC, key: 'k', value: null, headers: {} })));
    const problems: LogProblem[] = [];
    let handled = 0;
    await append(4);
    const reading = await log.subscribe({
      group: 'exact',
      topics: [TOPIC],
      maxBatch: 2,
      onProblem: (problem) => problems.push(problem),
      handle: async ({ records }) => {
        handled += records.length;
      },
    });
    await eventually(async () => handled === 4, 'all is handled');
    await append(1);
    await eventually(async () => handled === 5, 'what comes later is handled');
    // told of each of them, it finds many in one batch: the calls that come late find nothing, which is no hole either
    for (let n = 0; n < 200; n++) await append(1);
    await eventually(async () => handled === 205, 'all that follows is handled');
    expect(problems).toEqual([]);
    expect(reading.stopped()).toEqual([]);
    await reading.stop();
    await log.close();
  });
});
