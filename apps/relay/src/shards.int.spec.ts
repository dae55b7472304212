import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { changeShards, countShards, countUnpublished } from '#outbox';
import { clonedDatabase, eventually, type ClonedDatabase } from '#testing';
import { Relays } from './relays.ts';
import { append, appendAndHold } from './testing/append.ts';
import { CollectingLog } from './testing/collecting-log.ts';
import { judge } from './testing/judge.ts';
import type { Seen } from './testing/recipes.ts';
import { writeConcurrently } from './testing/writers.ts';

describe('several relays that share the outbox by key', () => {
  let clone: ClonedDatabase;
  let log: CollectingLog;
  let running: Relays[];
  beforeEach(async () => {
    clone = await clonedDatabase({ max: 24 });
    log = new CollectingLog();
    running = [];
  });
  afterEach(async () => {
    await Promise.all(running.map((relays) => relays.stop()));
    await clone.close();
  });

  const start = async (): Promise<Relays> => {
    const standBy = { everyMs: 20, frozenMs: 10_000 };
    const relays = new Relays({ database: clone.database, log, standBy, countMs: 50, surprised: () => {} });
    running.push(relays);
    await relays.start();
    return relays;
  };
  const stop = async (relays: Relays): Promise<void> => {
    running = running.filter((other) => other !== relays);
    await relays.stop();
  };
  const leads = (relays: Relays, count: number): Promise<unknown> =>
    eventually(() => relays.state.leads === count, `one leads ${count}`);
  const published = (): Promise<unknown> =>
    eventually(
      async () => {
        const shards = Array.from({ length: await countShards(clone.database) }, (_, n) => n);
        const all = await Promise.all(shards.map((shard) => countUnpublished(clone.database, shard)));
        return all.every(({ unpublished, gaps }) => unpublished + gaps === 0);
      },
      'everything is published',
      20_000,
    );
  const verdict = async (): Promise<ReturnType<typeof judge>> => {
    const committed = await clone.database.query<Seen>(
      "select key, (headers ->> 'ce_aggregateversion')::integer as version from outbox",
    );
    return judge(
      committed,
      log.records.map(({ key, headers }) => ({ key, version: Number(headers['ce_aggregateversion']) })),
    );
  };

  it('lose, repeat and invert nothing under many writers, while one process joins and another leaves', async () => {
    await changeShards(clone.database, 4);
    const first = await start();
    await leads(first, 4);
    const writing = writeConcurrently(clone.database, { writers: 12, records: 30, ms: 6000 });
    const second = await start();
    await Promise.all([leads(first, 2), leads(second, 2)]);
    await stop(first);
    await leads(second, 4);
    await writing;
    await published();
    expect(await verdict()).toMatchObject({ lost: 0, duplicated: 0, inverted: 0 });
    const shards = await clone.database.query<{ published: bigint }>('select published from relay_cursor');
    expect(shards.every((shard) => shard.published > 0n)).toBe(true);
  }, 60_000);

  it('are not held up by a transaction of another shard', async () => {
    await changeShards(clone.database, 2);
    const relays = await start();
    await leads(relays, 2);
    const open = await appendAndHold(clone.database, 'slow');
    for (let n = 0; n < 40; n++) await append(clone.database, String(n % 8));
    await log.until(40);
    await open.end('commit');
    await log.until(41);
    expect(await verdict()).toMatchObject({ lost: 0, duplicated: 0, inverted: 0 });
  });

  it('change their number only while none leads, and keep the order of every key over the change', async () => {
    const before = await start();
    await leads(before, 1);
    await expect(changeShards(clone.database, 3)).rejects.toMatchObject({ code: 'CROSSDOCK_RELAY_SHARDS' });
    const open = await appendAndHold(clone.database, 'slow');
    for (let n = 0; n < 20; n++) await append(clone.database, String(n % 4));
    await log.until(20);
    await stop(before);
    for (const shards of [3, 5, 2, 1]) {
      await changeShards(clone.database, shards);
      expect(await countShards(clone.database)).toBe(shards);
      const relays = await start();
      for (let n = 0; n < 20; n++) await append(clone.database, String(n % 4));
      await leads(relays, shards);
      if (shards === 2) await open.end('commit');
      await eventually(
        async () => ((await verdict()).lost === 0 ? true : undefined),
        'all is published but what is open',
      );
      await stop(relays);
    }
    expect(log.records.some(({ key }) => key === 't:order:slow')).toBe(true);
    expect(await verdict()).toMatchObject({ committed: 101, lost: 0, inverted: 0 });
  }, 60_000);

  it('begin a relay that could not be begun at the next count', async () => {
    const relays = await start();
    await leads(relays, 1);
    const { database } = clone;
    const query = database.query.bind(database);
    let failed = false;
    // the first statement of a relay that begins
    database.query = (async (sql: string, params: unknown[]) => {
      if (failed || !sql.includes('pg_sequence')) return query(sql, params);
      failed = true;
      throw new Error('the connection is gone');
    }) as unknown as typeof database.query;
    await query('insert into relay_cursor (shard) values (1)');
    await leads(relays, 2);
    expect(failed).toBe(true);
  });

  it('let the shard of a key execute what people order of it', async () => {
    await changeShards(clone.database, 3);
    log.largest = 100;
    const relays = await start();
    for (const record of ['a', 'b', 'c', 'd']) await append(clone.database, record, Buffer.alloc(200));
    await eventually(() => relays.state.setAside === 4, 'four rows stand aside');
    log.largest = 1000;
    for (const record of ['a', 'b', 'c', 'd'])
      await clone.database.query(
        "insert into command (stage, kind, target, actor, reason) values ('relay', 'release', $1, 'test', 'test')",
        [JSON.stringify({ key: `t:order:${record}` })],
      );
    await log.until(4);
    for (const record of ['a', 'b', 'c', 'd']) await append(clone.database, record);
    await log.until(8); // none of the keys is stopped any more
  });
});
