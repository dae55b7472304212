import pg from 'pg';
import { DataSource, type Logger } from 'typeorm';
import { CrossdockError } from '#contracts';
import { CopyOut } from './copy-out.ts';
import type { CopiedColumns } from './copy-out.ts';
import { endClient } from './end-client.ts';
import { MIGRATIONS } from './migrations.ts';
import { isUnavailable, isSerialisation } from './failures.ts';
import { listen } from './listen.ts';
import { TYPES } from './types.ts';

/** The schema all our tables live in; a service that appends by library keeps its own beside it. */
export const SCHEMA = 'crossdock';

/** A named statement is prepared once per connection. `text` is the SQL, parameters are $1, $2, ... */
export interface Statement {
  name?: string;
  text: string;
  /** ms; instead of the pool's `queryTimeoutMs`, for one that may honestly take longer */
  timeoutMs?: number;
}

/** For the pool of a stage: its statements take a tenth of a second, and a server that is gone holds nothing up for longer. */
export const QUERY_TIMEOUT_MS = 30_000;
/** For a statement of the upkeep that goes through a whole partition: it has an hour, and nobody waits for it. */
export const UPKEEP_TIMEOUT_MS = 3_600_000;

export interface Queryable {
  /** Rows come with bigint as BigInt, timestamptz as Date, jsonb parsed, bytea as Buffer, numeric as string. */
  query<Row = Record<string, unknown>>(sql: string | Statement, params?: readonly unknown[]): Promise<Row[]>;
}

export interface Transaction extends Queryable {
  /**
   * A statement whose answer nobody needs: it goes out with the next one, or with COMMIT, and costs no round trip. If it fails,
   * the transaction fails with its error.
   */
  queue(sql: string | Statement, params?: readonly unknown[]): void;
}

/** For a read of many rows: a sixth of what `query` takes of the processor, and planned anew at each call. */
export interface Copyable extends Queryable {
  /** Calls `row` for each row of `select`, in the order in which it gives them. It takes no parameters. */
  copy(select: string, row: (columns: CopiedColumns) => void): Promise<void>;
}

/** A connection of its own, outside the pool: advisory locks, LISTEN. Ends with `close`. */
export interface Session extends Copyable {
  readonly lost: Promise<Error | undefined>;
  close(): Promise<void>;
}

export interface DatabaseOptions {
  url: string;
  /** shown in pg_stat_activity */
  name: string;
  /** pool size; default 10 */
  max?: number;
  /** ms; an answer later than this ends its connection, so that a server which hangs holds none for ever; default: never */
  queryTimeoutMs?: number;
  /** ms; a statement that waits longer than this for a lock fails with SQLSTATE 55P03; default: it waits */
  lockTimeoutMs?: number;
  /**
   * For the pools of the stages, whose statements all go by key: each is planned once per connection and by its indexes.
   * Otherwise one planned while its tables were empty reads the whole table until the next ANALYZE, and one of many
   * joins is planned anew at each call, which takes longer than running it. Not for questions over whole tables (console).
   */
  byKey?: boolean;
}

/** TypeORM prints a migration that fails, whatever `logging` says; ours may be tried again. Who calls hears the error. */
const SILENT: Logger = {
  logQuery: () => {},
  logQueryError: () => {},
  logQuerySlow: () => {},
  logSchemaBuild: () => {},
  logMigration: () => {},
  log: () => {},
};

const BY_KEY = '-c plan_cache_mode=force_generic_plan -c enable_seqscan=off -c jit=off';

/**
 * PostgreSQL: one pool, shared by TypeORM (calm tables, migrations) and the hand-written statements of the hot paths.
 * Errors of the connection are thrown as retryable `CROSSDOCK_DB_UNAVAILABLE`; a COMMIT whose answer was lost as
 * `CROSSDOCK_DB_COMMIT_UNKNOWN`; errors of a statement come through as they are (`code` is the SQLSTATE).
 */
export class Database implements Queryable {
  readonly dataSource: DataSource;
  readonly #pool: pg.Pool;
  readonly #config: pg.ClientConfig;
  readonly #sessions = new Set<Session>();

  private constructor(dataSource: DataSource, config: pg.ClientConfig) {
    this.dataSource = dataSource;
    this.#config = config;
    this.#pool = (dataSource.driver as unknown as { master: pg.Pool }).master;
    this.#pool.on('error', () => {}); // an idle connection that breaks is replaced by the pool
  }

  static async open(options: DatabaseOptions): Promise<Database> {
    const config: pg.ClientConfig = {
      connectionString: options.url,
      application_name: `crossdock ${options.name}`,
      options: `-c search_path=${SCHEMA},public -c idle_in_transaction_session_timeout=60000 -c lock_timeout=${options.lockTimeoutMs ?? 0} ${options.byKey ? BY_KEY : ''}`,
      connectionTimeoutMillis: 10_000,
      keepAlive: true,
      query_timeout: options.queryTimeoutMs,
      types: TYPES,
    };
    const dataSource = new DataSource({
      type: 'postgres',
      url: options.url,
      schema: SCHEMA,
      applicationName: config.application_name,
      // pipeline: statements are written as they come, and answered in that order
      extra: { ...config, max: options.max ?? 10, idleTimeoutMillis: 30_000, pipeline: true, onConnect: endsAlone },
      poolErrorHandler: () => {},
      migrations: MIGRATIONS,
      migrationsTableName: 'migration',
      logger: SILENT,
    });
    try {
      await dataSource.initialize();
    } catch (error) {
      throw unavailable('connecting to PostgreSQL', error);
    }
    return new Database(dataSource, config);
  }

  /** Whether both were opened with one address. */
  sameAs(other: Database): boolean {
    return this.#config.connectionString === other.#config.connectionString;
  }

  async query<Row = Record<string, unknown>>(sql: string | Statement, params: readonly unknown[] = []): Promise<Row[]> {
    try {
      return await run<Row>(this.#pool, sql, params);
    } catch (error) {
      throw translate(error);
    }
  }

  /**
   * Runs `work` between BEGIN and COMMIT, and again on a deadlock or serialisation failure (`retries` times, default 3).
   * `work` must not keep anything outside the transaction before it resolves.
   */
  async transaction<T>(work: (tx: Transaction) => Promise<T>, options: { retries?: number } = {}): Promise<T> {
    for (let left = options.retries ?? 3; ; left--) {
      try {
        return await this.#once(work);
      } catch (error) {
        if (left <= 0 || !isSerialisation(error)) throw translate(error);
      }
    }
  }

  async #once<T>(work: (tx: Transaction) => Promise<T>): Promise<T> {
    const client = await this.#pool.connect();
    let broken: Error | undefined;
    let phase: 'work' | 'commit' = 'work';
    /** of a statement nobody waits for; those behind it only say that the transaction is aborted */
    let first: unknown;
    const onError = (error: Error): void => {
      broken = error;
    };
    client.on('error', onError);
    const queued: Promise<unknown>[] = [];
    const queue = (sql: string | Statement, params: readonly unknown[] = []): void => {
      queued.push(run(client, sql, params).catch((error: unknown) => (first ??= error)));
    };
    try {
      queue('begin');
      const result = await work({ query: (sql, params = []) => run(client, sql, params), queue });
      phase = 'commit';
      await client.query('commit');
      await Promise.all(queued);
      if (first !== undefined) throw first; // COMMIT has rolled back
      return result;
    } catch (cause) {
      await Promise.all(queued);
      const error = first ?? cause;
      if (isUnavailable(error)) broken ??= error as Error;
      else await client.query('rollback').catch((failed: Error) => (broken = failed));
      if (phase === 'commit' && isUnavailable(error))
        throw new CrossdockError('CROSSDOCK_DB_COMMIT_UNKNOWN', 'the answer to COMMIT was lost: it may have happened', {
          cause: error,
          retryable: true,
        });
      throw error;
    } finally {
      client.off('error', onError);
      client.release(broken);
    }
  }

  /** A dedicated connection. `lost` resolves with the error when it breaks, with undefined when it is closed. */
  async session(): Promise<Session> {
    const client = new pg.Client(this.#config);
    let settle: (error: Error | undefined) => void = () => {};
    const lost = new Promise<Error | undefined>((resolve) => (settle = resolve));
    client.on('error', (error) => settle(error));
    client.on('end', () => settle(undefined));
    try {
      await client.connect();
    } catch (error) {
      throw unavailable('connecting to PostgreSQL', error);
    }
    const session: Session = {
      lost,
      query: async <Row>(sql: string | Statement, params: readonly unknown[] = []) => {
        try {
          return await run<Row>(client, sql, params);
        } catch (error) {
          throw translate(error);
        }
      },
      copy: async (select, row) => {
        try {
          await copy(client, select, row);
        } catch (error) {
          throw translate(error);
        }
      },
      close: async () => {
        this.#sessions.delete(session);
        await endClient(client);
      },
    };
    this.#sessions.add(session);
    void lost.then(() => this.#sessions.delete(session));
    return session;
  }

  /**
   * Calls `heard` for each notification on the channel, and once after every (re)connection, because what was sent
   * meanwhile is lost. Reconnects by itself. The returned function stops it.
   */
  async listen(channel: string, heard: (payload: string | undefined) => void): Promise<() => Promise<void>> {
    return listen(this.#config, channel, heard);
  }

  /** Closes sessions and pool; transactions in hand finish first. */
  async close(): Promise<void> {
    for (const session of this.#sessions) await session.close();
    if (this.dataSource.isInitialized) await this.dataSource.destroy();
  }
}

/**
 * Between the pool and who has asked for a connection nobody listens to it: one that the server ends in the same packet in which it opens
 * it would end the process. Who gets it hears so at its first statement.
 */
function endsAlone(client: pg.ClientBase): void {
  client.on('error', () => {});
}

async function run<Row>(
  client: pg.Pool | pg.ClientBase,
  sql: string | Statement,
  params: readonly unknown[],
): Promise<Row[]> {
  const result =
    typeof sql === 'string' ? await client.query(sql, params as unknown[]) : await client.query(configOf(sql, params));
  return result.rows as Row[];
}

/** `query_timeout` is not in the types of pg, and read by its client for each query. */
function configOf({ name, text, timeoutMs }: Statement, params: readonly unknown[]): pg.QueryConfig {
  return { name, text, values: params as unknown[], query_timeout: timeoutMs } as pg.QueryConfig;
}

function copy(client: pg.Client, select: string, row: (columns: CopiedColumns) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    client.query(new CopyOut(select, row, (error) => (error ? reject(error as Error) : resolve())));
  });
}

function translate(error: unknown): unknown {
  return error instanceof CrossdockError || !isUnavailable(error) ? error : unavailable('asking PostgreSQL', error);
}

function unavailable(doing: string, cause: unknown): CrossdockError {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new CrossdockError('CROSSDOCK_DB_UNAVAILABLE', `${doing} failed: ${why}`, { cause, retryable: true });
}
