import type { OnApplicationShutdown } from '@nestjs/common';
import { CrossdockError } from '#contracts';
import { Database, type Queryable } from '#db';
import type { Environment, Health } from '#platform';

/** One snapshot of the whole database: every statement in it sees the same moment. */
const SNAPSHOT = 'set transaction isolation level repeatable read read only';

/** The console's own small pool: people's questions never take connections from the stages. */
export class ConsoleDatabase implements OnApplicationShutdown {
  readonly database: Database;

  private constructor(database: Database) {
    this.database = database;
  }

  static async open(environment: Environment, health: Health): Promise<ConsoleDatabase> {
    if (environment.databaseUrl === undefined)
      throw new CrossdockError('CROSSDOCK_START_DATABASE', 'console needs DATABASE_URL');
    const database = await Database.open({ url: environment.databaseUrl, name: 'console', max: 4 });
    health.register('console database', async () => {
      await database.query('select 1');
    });
    return new ConsoleDatabase(database);
  }

  async onApplicationShutdown(): Promise<void> {
    await this.database.close();
  }

  query<Row>(sql: string, params: readonly unknown[] = []): Promise<Row[]> {
    return this.database.query<Row>(sql, params);
  }

  /** Runs `read` on one snapshot; nothing can be written in it. */
  snapshot<T>(read: (db: Queryable) => Promise<T>): Promise<T> {
    return this.database.transaction(async (tx) => {
      await tx.query(SNAPSHOT);
      return read(tx);
    });
  }
}
