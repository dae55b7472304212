import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { needsMigration } from '#db';
import { PostgresEventLog } from '#event-log';
import { countUnpublished } from '#outbox';
import { clonedDatabase, eventually, type ClonedDatabase } from '#testing';
import { Relay } from './relay.ts';
import { CollectingLog } from './testing/collecting-log.ts';
import { judge } from './testing/judge.ts';
import type { Seen } from './testing/recipes.ts';
import { writeConcurrently } from './testing/writers.ts';

/** Row F67 of the fault matrix: what migrations do to processes of the version before, and that one too old is told. */
describe('a newer version that migrates beside this one', () => {
  let clone: ClonedDatabase;
  beforeAll(async () => {
    clone = await clonedDatabase({ max: 16 });
  });
  afterAll(() => clone.close());

  it('adds columns and indexes to every table, and nothing of this one stops, is lost or goes back', async () => {
    const { database } = clone;
    const log = new CollectingLog();
    const surprises: string[] = [];
    const relay = new Relay({ database, log, surprised: (message) => surprises.push(message) });
    await relay.start();
    const writing = writeConcurrently(database, { writers: 6, records: 20, ms: 3000 });
    const tables = await database.query<{ name: string }>(
      `select relname as name from pg_class where relnamespace = 'crossdock'::regnamespace and relkind in ('r', 'p')
         and not relispartition and relname <> 'migration' order by relname`,
    );
    expect(tables.length).toBeGreaterThan(20);
    for (const { name } of tables)
      await database.query(`alter table ${name} add column added_later integer not null default 7`);
    await database.query('create index on outbox (added_later, id)');
    await writing;
    await eventually(async () => {
      const { unpublished, gaps } = await countUnpublished(database, 0);
      return unpublished + gaps === 0;
    }, 'everything is published');
    const committed = await database.query<Seen>(
      "select key, (headers ->> 'ce_aggregateversion')::integer as version from outbox",
    );
    const ours = log.records.map(({ key, headers }) => ({ key, version: Number(headers['ce_aggregateversion']) }));
    expect(judge(committed, ours)).toMatchObject({ lost: 0, duplicated: 0, inverted: 0 });
    expect(surprises).toEqual([]);
    await relay.stop();
    const second = new PostgresEventLog({ database });
    await second.ensureTopics([]);
    await second.close();
  }, 60_000);

  it('has told the database so, and a process that finds older tables knows it', async () => {
    expect(await needsMigration(clone.url)).toBe(false);
    await clone.database.query("insert into migration (timestamp, name) values (9, 'OfTheFuture9')");
    expect(await needsMigration(clone.url)).toBe(false);
    await clone.database.query("delete from migration where name like 'RelayShards%'");
    expect(await needsMigration(clone.url)).toBe(true);
    const admin = clone.url.replace(/\/[^/]*$/, '/postgres');
    expect(await needsMigration(admin)).toBe(true); // nothing at all
  });
});
