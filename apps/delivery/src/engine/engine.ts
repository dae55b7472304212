import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import type { Configuration, Target } from '#contracts';
import type { Database } from '#db';
import { logger, type Metrics } from '#platform';
import type { SchemaRegistry, SchemaSet } from '#schema';
import type { Window } from '../restore/look-before-create.ts';
import { FREE_SLOTS } from '../sql/slots.ts';
import { TAKE_OVER } from '../sql/take-over.ts';
import { Instance } from './instance.ts';
import { Recorder } from './recorder.ts';
import { ResultWriter } from './results.ts';
import { WAKE_CHANNEL } from './dependencies.ts';
import { Store, type Settled } from './store.ts';
import { sweep } from './sweep.ts';
import { Worker } from './worker.ts';

export interface EngineOptions {
  database: Database;
  configuration: Pick<Configuration, 'connections' | 'flows'>;
  /** by connection name */
  targets: ReadonlyMap<string, Target>;
  schemas: SchemaSet;
  registry: SchemaRegistry;
  /** what the database may have forgotten; default: nothing */
  restore?: Window;
  metrics: Metrics;
  /** how long a lane is ours without renewal, ms; a request must leave within a third of it. Default 30 s */
  leaseMs?: number;
  /** default 30 s */
  sweepMs?: number;
  /** default 5 min */
  reauthMs?: number;
  /** how long a throttled rate would need to rise from nothing to where it was, ms; default 10 min */
  riseMs?: number;
  /** this process, unique in time and space; default host, pid and a random id */
  holder?: string;
}

const log = logger('delivery');

/** A process of another version or setting may have had longer leases than this one, ms; a lane it held longer waits for its end. */
const LONGEST_LEASE_MS = 120_000;

/** One process's share of delivery: a worker per target connection, the sweep, and the channel that wakes them. */
export class Engine {
  readonly store: Store;
  readonly #options: EngineOptions;
  readonly #results: ResultWriter;
  readonly #recorder: Recorder;
  readonly #instance: Instance;
  readonly #workers = new Map<string, Worker>();
  #unlisten: (() => Promise<void>) | undefined;
  #sweep: NodeJS.Timeout | undefined;

  constructor(options: EngineOptions) {
    this.#options = options;
    this.#results = new ResultWriter(options.schemas, options.registry);
    this.store = new Store({
      database: options.database,
      results: this.#results,
      holder: options.holder ?? `${hostname()}:${process.pid}:${randomUUID().slice(0, 8)}`,
      leaseMs: options.leaseMs ?? 30_000,
    });
    this.#instance = new Instance({
      database: options.database,
      holder: this.store.holder,
      leaseMs: this.store.leaseMs,
      log,
      bury: async (tx, holders) => {
        await tx.query(FREE_SLOTS, [holders]);
        await tx.query(TAKE_OVER, [holders, Math.max(this.store.leaseMs, LONGEST_LEASE_MS)]);
      },
      freed: () => this.wake(),
    });
    this.#recorder = new Recorder(this.store, options.metrics, log, (connection) => this.wake(connection));
    for (const [name, target] of options.targets) {
      const connection = options.configuration.connections.get(name);
      if (connection === undefined) throw new Error(`no connection is named ${name}`);
      this.#workers.set(
        name,
        new Worker({
          store: this.store,
          recorder: this.#recorder,
          connection,
          target,
          restore: options.restore,
          schemas: options.schemas,
          metrics: options.metrics,
          log,
          reauthMs: options.reauthMs ?? 300_000,
          riseMs: options.riseMs,
          alive: () => this.#instance.alive,
        }),
      );
    }
  }

  /** Asks the registry for what results need. */
  ready(): Promise<void> {
    return this.#results.ready();
  }

  async start(): Promise<void> {
    const { database, metrics, sweepMs } = this.#options;
    await this.#results.ready();
    await this.#instance.start();
    this.#unlisten = await database.listen(WAKE_CHANNEL, (payload) => this.#heard(payload));
    for (const worker of this.#workers.values()) await worker.start();
    this.#sweep = setInterval(() => {
      sweep(this.store, metrics).catch((cause: unknown) => log.warn({ err: cause }, 'the sweep failed'));
    }, sweepMs ?? 30_000);
  }

  /** Something of this connection may be due; of all of them without a name. */
  wake(connection?: string): void {
    if (connection !== undefined) this.#workers.get(connection)?.wake();
    else for (const worker of this.#workers.values()) worker.wake();
  }

  /** Orders of people changed deliveries: counted like our own outcomes, and who was woken is. */
  settled(settled: Settled): void {
    this.#recorder.observe(settled);
    for (const connection of settled.woken) this.wake(connection);
    for (const { connection } of settled.rows) this.wake(connection);
  }

  /** Somebody paused or resumed something. */
  statesChanged(): void {
    this.#heard(STATES_CHANGED);
  }

  /** Requests in hand get until `deadlineMs`; what is not begun is given back. Targets stay open: they are their owner's. */
  async stop(deadlineMs = 20_000): Promise<void> {
    clearInterval(this.#sweep);
    await this.#unlisten?.();
    await Promise.all([...this.#workers.values()].map((worker) => worker.stop(deadlineMs)));
    this.#recorder.stop();
    await this.#instance.stop();
  }

  /** Payload: a connection's name and perhaps the process that says so, `*` when states changed, nothing after a reconnection. */
  #heard(payload: string | undefined): void {
    if (payload !== undefined && payload !== STATES_CHANGED) {
      const [connection, from] = payload.split(' ');
      if (from !== this.store.holder) this.wake(connection); // we know what we took in ourselves
      return;
    }
    Promise.all([...this.#workers.values()].map((worker) => worker.refresh()))
      .catch((cause: unknown) => log.warn({ err: cause }, 'reading states failed'))
      .finally(() => this.wake());
  }
}

/** NOTIFY payload after a pause or resume. */
export const STATES_CHANGED = '*';
