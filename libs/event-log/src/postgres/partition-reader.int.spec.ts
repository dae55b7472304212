import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { LogProblem } from '#contracts';
import { clonedDatabase, eventually, type ClonedDatabase } from '#testing';
import { appendRecords } from './append.ts';
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

  it('hears at once of what another process appends, and notifies nobody where nobody else reads', async () => {
    const { database } = postgres;
    const log = new PostgresEventLog({ database });
    const name = 'told.v1';
    const sizes = { partitions: 3, retentionMs: 3_600_000, maxMessageBytes: 10_000 };
    await log.ensureTopics([{ ...sizes, name, writer: 'relay', key: '', value: '' }]);
    let handled = 0;
    const reading = await log.subscribe({
      group: 'told',
      topics: [name],
      handle: async ({ records }) => {
        handled += records.length;
      },
    });
    await reading.ready();
    const heard: string[] = [];
    const silence = await database.listen('crossdock_log', (payload) => heard.push(payload ?? ''));
    const round = async (append: () => Promise<unknown>): Promise<number> => {
      const [before, began] = [handled, performance.now()];
      await append();
      await eventually(async () => handled > before, 'it is handled');
      return performance.now() - began;
    };
    const elsewhere = (told: boolean) => async (): Promise<void> => {
      await appendRecords(database, [{ topic: name, partition: 1, key: 'k', value: null, headers: {} }]);
      if (told) await database.query(`select pg_notify('crossdock_log', 'appended another-process ${name}')`);
    };
    const times = async (append: () => Promise<unknown>): Promise<number> => {
      let sum = 0;
      for (let n = 0; n < 12; n++) sum += await round(append);
      return sum;
    };
    await times(() => log.append([{ topic: name, key: 'k', value: null, headers: {} }]));
    expect(heard.filter((payload) => payload.startsWith('appended'))).toEqual([]);
    const found = await times(elsewhere(false));
    expect(await times(elsewhere(true))).toBeLessThan(found / 2);
    // a member of another process: from now on it is told
    await database.query(
      `insert into log_group_member (group_name, member, topics, until)
       values ('other', gen_random_uuid(), '{}', now() + interval '1 hour')`,
    );
    await database.query("select pg_notify('crossdock_log', 'group other')");
    await eventually(async () => {
      await round(() => log.append([{ topic: name, key: 'k', value: null, headers: {} }]));
      return heard.some((payload) => payload.startsWith('appended') && !payload.includes('another-process'));
    }, 'others are told');
    await silence();
    await reading.stop();
    await log.close();
  });
});
