import { setTimeout as wait } from 'node:timers/promises';
import pg from 'pg';
import { CrossdockError } from '#contracts';
import { Database, SCHEMA } from './database.ts';
import { isLocked } from './failures.ts';
import { MIGRATIONS } from './migrations.ts';

/** Any number that nothing else in this database uses: one migration at a time, over all processes. */
const MIGRATION_LOCK = 7_236_001;

/** A table that is in use is waited for so long, ms: whoever wants it next stands behind us, and traffic with them. */
const LOCK_TIMEOUT_MS = 1_000;
/** So long traffic has the tables between two tries, ms. */
const AGAIN_MS = 1_000;
/** So long it is tried, ms. */
const PATIENCE_MS = 300_000;

/**
 * Brings the schema up to date; safe to call from every process at once, and beside processes of the version before under
 * traffic. Returns the names of the migrations it ran. A transaction that keeps a table locked is waited for in short tries,
 * all or nothing each; `waiting` is called once then. After five minutes it throws `CROSSDOCK_DB_UNAVAILABLE`, and nothing is changed.
 */
export async function migrate(url: string, waiting: (message: string) => void = () => {}): Promise<string[]> {
  const client = new pg.Client({ connectionString: url, application_name: 'crossdock migrate' });
  await client.connect();
  try {
    await client.query('select pg_advisory_lock($1)', [MIGRATION_LOCK]);
    await client.query(`create schema if not exists ${SCHEMA}`);
    const database = await Database.open({ url, name: 'migrate', max: 2, lockTimeoutMs: LOCK_TIMEOUT_MS });
    try {
      return await runAll(database, waiting);
    } finally {
      await database.close();
    }
  } finally {
    await client.end();
  }
}

const LOCKED = 'a transaction keeps a table locked that is to change (pg_stat_activity shows it)';

async function runAll(database: Database, waiting: (message: string) => void): Promise<string[]> {
  const until = performance.now() + PATIENCE_MS;
  for (let tries = 0; ; tries++, await wait(AGAIN_MS))
    try {
      const ran = await database.dataSource.runMigrations({ transaction: 'all' });
      return ran.map((migration) => migration.name);
    } catch (error) {
      if (!isLocked(error)) throw error;
      if (performance.now() > until)
        throw new CrossdockError('CROSSDOCK_DB_UNAVAILABLE', `migrating failed: ${LOCKED}`, {
          cause: error,
          retryable: true,
        });
      if (tries === 0) waiting(`waiting: ${LOCKED}`);
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
