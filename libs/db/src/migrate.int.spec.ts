import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { DataSource } from 'typeorm';
import { clonedDatabase, type ClonedDatabase } from '#testing';
import { SCHEMA } from './database.ts';
import { migrate, needsMigration } from './migrate.ts';
import { MIGRATIONS } from './migrations.ts';

/** a table that the last migration changes */
const READ = 'select count(*) from delivery';

describe('migrating beside a version that is at work', () => {
  let clone: ClonedDatabase;
  beforeEach(async () => {
    clone = await clonedDatabase();
  });
  afterEach(() => clone.close());

  /** As the release before had it. */
  async function goBackOne(): Promise<string> {
    await clone.database.query(`drop schema ${SCHEMA} cascade`);
    await clone.database.query(`create schema ${SCHEMA}`);
    const older = new DataSource({
      type: 'postgres',
      url: clone.url,
      schema: SCHEMA,
      extra: { options: `-c search_path=${SCHEMA}` },
      migrations: MIGRATIONS.slice(0, -1),
      migrationsTableName: 'migration',
    });
    await older.initialize();
    await older.runMigrations();
    await older.destroy();
    return new (MIGRATIONS.at(-1)!)().name;
  }

  it('waits for a transaction that keeps a table, and lets all others have it meanwhile', async () => {
    const last = await goBackOne();
    const reader = await clone.database.session();
    await reader.query('begin');
    await reader.query(READ);
    let migrated = false;
    const told: string[] = [];
    const migrating = migrate(clone.url, (message) => told.push(message)).finally(() => (migrated = true));
    const until = performance.now() + 5_000;
    let longest = 0;
    while (performance.now() < until) {
      const began = performance.now();
      await clone.database.query(READ);
      longest = Math.max(longest, performance.now() - began);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    expect(migrated).toBe(false);
    expect(longest).toBeLessThan(3_000); // it would be all five seconds, and for ever
    await reader.query('commit');
    expect(await migrating).toEqual([last]);
    expect(told).toEqual([expect.stringContaining('keeps a table locked')]);
    expect(await needsMigration(clone.url)).toBe(false);
    expect(await migrate(clone.url)).toEqual([]);
  }, 60_000);

  it('is done once by processes that all begin with it', async () => {
    const last = await goBackOne();
    const done = await Promise.all([1, 2, 3].map(() => migrate(clone.url)));
    expect(done.flat()).toEqual([last]);
  }, 60_000);
});
