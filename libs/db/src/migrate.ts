import pg from 'pg';
import { Database, SCHEMA } from './database.ts';

/** Any number that nothing else in this database uses: one migration at a time, over all processes. */
const MIGRATION_LOCK = 7_236_001;

/**
 * Brings the schema up to date; safe to call from every process at once. Returns the names of the migrations it ran.
 */
export async function migrate(url: string): Promise<string[]> {
  const client = new pg.Client({ connectionString: url, application_name: 'crossdock migrate' });
  await client.connect();
  try {
    await client.query('select pg_advisory_lock($1)', [MIGRATION_LOCK]);
    await client.query(`create schema if not exists ${SCHEMA}`);
    const database = await Database.open({ url, name: 'migrate', max: 2 });
    try {
      const ran = await database.dataSource.runMigrations({ transaction: 'all' });
      return ran.map((migration) => migration.name);
    } finally {
      await database.close();
    }
  } finally {
    await client.end();
  }
}
