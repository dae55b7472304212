import { randomBytes } from 'node:crypto';
import { Database } from '#db';

export interface ClonedDatabase {
  url: string;
  database: Database;
  close(): Promise<void>;
}

/**
 * A database of its own for one test file, cloned from the migrated template of this run (about 50 ms). The template is
 * the server's own `crossdock` database, which nobody else uses.
 */
export async function clonedDatabase(options: { max?: number } = {}): Promise<ClonedDatabase> {
  const server = process.env['TEST_DATABASE_URL'];
  if (!server) throw new Error('TEST_DATABASE_URL is not set: run this test through jest.config.mjs');
  const name = `test_${randomBytes(6).toString('hex')}`;
  const url = server.replace(/\/[^/]*$/, `/${name}`);
  const admin = server.replace(/\/[^/]*$/, '/postgres');
  await administer(admin, `create database ${name} template crossdock`);
  const database = await Database.open({ url, name, max: options.max });
  return {
    url,
    database,
    close: async () => {
      await database.close();
      await administer(admin, `drop database if exists ${name} with (force)`);
    },
  };
}

/** Cloning needs the template unused for a moment; other test files may be cloning it too. */
async function administer(url: string, sql: string): Promise<void> {
  const database = await Database.open({ url, name: 'test set-up', max: 1 });
  try {
    for (let left = 100; ; left--) {
      try {
        await database.query(sql);
        return;
      } catch (error) {
        const busy = typeof error === 'object' && error !== null && 'code' in error && error.code === '55006';
        if (!busy || left === 0) throw error;
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    }
  } finally {
    await database.close();
  }
}
