import pg from 'pg';
import { Database, SCHEMA } from './database.ts';
import { MIGRATIONS } from './migrations.ts';

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

/**
 * Whether this version needs migrations that the database has not seen. One that saw newer ones is fine: they only add. (0009, which is older
 * than the first release, does not: a delivery process of before it would find no body in an attempt, so all are stopped for it.)
 */
export async function needsMigration(url: string): Promise<boolean> {
  const database = await Database.open({ url, name: 'start', max: 1 });
  try {
    const [found] = await database.query<{ there: boolean }>(
      `select to_regclass('${SCHEMA}.migration') is not null as there`,
    );
    if (!found!.there) return true;
    const ran = await database.query<{ name: string }>(`select name from ${SCHEMA}.migration`);
    const known = new Set(ran.map(({ name }) => name));
    return MIGRATIONS.some((migration) => !known.has(new migration().name));
  } finally {
    await database.close();
  }
}
