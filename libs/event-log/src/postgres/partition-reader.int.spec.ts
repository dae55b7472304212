import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { LogProblem, TopicDeclaration } from '#contracts';
import { clonedDatabase, eventually, type ClonedDatabase } from '#testing';
import { appendRecords } from './append.ts';
import { PostgresEventLog } from './postgres-event-log.ts';

const TOPIC = 'exact.v1';
const topicOf = (name: string, partitions: number): TopicDeclaration => ({
  name,
  partitions,
  retentionMs: 3_600_000,
  maxMessageBytes: 10_000,
  writer: 'relay',
  key: '',
  value: '',
});

describe('a reader of a partition', () => {
  let postgres: ClonedDatabase;
  beforeAll(async () => {
    postgres = await clonedDatabase();
  });
  afterAll(() => postgres?.close());

  it('sees no hole behind a batch that ends where the partition ends', async () => {
    const log = new PostgresEventLog({ database: postgres.database });
    await log.ensureTopics([topicOf(TOPIC, 1)]);
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
    await log.ensureTopics([topicOf(name, 3)]);
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
    /** The median of twelve: a machine that stands still for a moment says nothing. */
    const times = async (append: () => Promise<unknown>): Promise<number> => {
      const took: number[] = [];
      for (let n = 0; n < 12; n++) took.push(await round(append));
      return took.toSorted((a, b) => a - b)[6]!;
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

  it('ends its handler before another one of its partition begins, when a commit is refused meanwhile', async () => {
    const { database, close } = await clonedDatabase();
    const log = new PostgresEventLog({ database, leaseMs: 600 });
    const name = 'refused.v1';
    await log.ensureTopics([topicOf(name, 1)]);
    const mayCommit = (may: boolean): Promise<unknown> =>
      database.query(`create or replace function may_commit() returns boolean language sql as 'select ${may}'`);
    let [open, most, slow] = [0, 0, 0];
    const reading = await log.subscribe({
      group: 'refused',
      topics: [name],
      maxBatch: 1,
      handle: async ({ records }) => {
        most = Math.max(most, ++open);
        if (records[0]!.offset === 1n) {
          await new Promise((resolve) => setTimeout(resolve, 800)); // longer than a lease
          if (slow++ === 0) await mayCommit(true);
        }
        open--;
      },
    });
    await reading.ready();
    await mayCommit(false);
    await log.append([0, 1, 2].map(() => ({ topic: name, key: 'k', value: null, headers: {} })));
    await eventually(async () => slow >= 2, 'it is handled again');
    expect(most).toBe(1);
    await reading.stop();
    await log.close();
    await close();
  });

  it('that cannot read a record keeps no other from reading', async () => {
    const { database } = postgres;
    const log = new PostgresEventLog({ database });
    const name = 'damaged.v1';
    await log.ensureTopics([topicOf(name, 4)]);
    const handled = [0, 0, 0, 0];
    const reading = await log.subscribe({
      group: 'damaged',
      topics: [name],
      handle: async ({ partition, records }) => {
        handled[partition]! += records.length;
      },
    });
    await reading.ready();
    const query = database.query.bind(database);
    // as a damaged page answers: every statement that touches it fails
    database.query = (async (sql: { name?: string }, params: [unknown, number[]]) => {
      if (sql.name === 'log-fetch' && params[1].includes(0)) throw new Error('missing chunk number 0');
      return query(sql as never, params);
    }) as unknown as typeof database.query;
    try {
      for (let round = 0; round < 3; round++)
        await appendRecords(
          { query },
          [0, 1, 2, 3].map((partition) => ({ topic: name, partition, key: 'k', value: null, headers: {} })),
        );
      await eventually(
        async () => handled.join() === '0,3,3,3',
        () => `all others are handled, not ${handled.join()}`,
      );
    } finally {
      database.query = query;
    }
    await eventually(async () => handled[0] === 3, 'and what was damaged, when it can be read again');
    await reading.stop();
    await log.close();
  });
});
