import type { Configuration, StoredRecord, Target } from '#contracts';
import type { Database } from '#db';
import type { Metrics } from '#platform';
import type { SchemaRegistry, SchemaSet } from '#schema';
import { storeDeadLetters, storeUnrouted } from './account.ts';
import { Commands } from './commands/commands.ts';
import { Engine } from './engine/engine.ts';
import { Intake, type Refused } from './intake.ts';
import { lookBeforeCreate } from './restore/look-before-create.ts';
import { RestoreWindow } from './restore/window.ts';

export interface DeliveryOptions {
  database: Database;
  /** with patience for statements over a whole backlog */
  ordersDatabase: Database;
  configuration: Configuration;
  targets: ReadonlyMap<string, Target>;
  schemas: SchemaSet;
  registry: SchemaRegistry;
  metrics: Metrics;
}

/** One process of delivery: intake from the log, the engine that sends, and the orders of people. */
export class DeliveryService {
  readonly #options: DeliveryOptions;
  readonly #engine: Engine;
  readonly #intake: Intake;
  readonly #commands: Commands;
  readonly #restore: RestoreWindow;

  constructor(options: DeliveryOptions) {
    const { database, metrics } = options;
    const restore = (this.#restore = new RestoreWindow(database));
    const targets = new Map([...options.targets].map(([name, target]) => [name, lookBeforeCreate(target, restore)]));
    this.#options = options;
    this.#engine = new Engine({ ...options, targets, restore });
    this.#intake = new Intake(database, metrics, (connection) => this.#engine.wake(connection), {
      targets,
      process: this.#engine.store.holder,
    });
    this.#commands = new Commands({
      database: options.ordersDatabase,
      store: this.#engine.store,
      targets,
      schemas: options.schemas,
      settled: (settled) => this.#engine.settled(settled),
      statesChanged: () => this.#engine.statesChanged(),
    });
  }

  /** Throws retryable errors while the schema registry of results is away: without its id no outcome can be recorded. */
  ready(): Promise<void> {
    return this.#engine.ready();
  }

  async start(): Promise<void> {
    await this.#restore.start();
    await this.#engine.start();
    await this.#commands.start();
  }

  /** Takes nothing new; requests in hand get until `deadlineMs` from now. Targets are closed. */
  async stop(deadlineMs?: number): Promise<void> {
    await this.#commands.stop();
    await this.#engine.stop(deadlineMs);
    this.#restore.stop();
    await Promise.all([...this.#options.targets.values()].map((target) => target.close()));
  }

  async takeIn(records: readonly StoredRecord[]): Promise<Refused[]> {
    const refused = await this.#intake.take(records);
    this.#countDead(refused.length);
    return refused;
  }

  async unrouted(records: readonly StoredRecord[]): Promise<number[]> {
    const refused = await storeUnrouted(this.#options.database, records);
    this.#countDead(refused.length);
    return refused;
  }

  deadLetters(records: readonly StoredRecord[]): Promise<void> {
    return storeDeadLetters(this.#options.database, records);
  }

  /** What a handler refuses is written to the dead-letter topic by the log. */
  #countDead(count: number): void {
    if (count > 0) this.#options.metrics.count('deadLetters', { stage: 'delivery' }, count);
  }
}
