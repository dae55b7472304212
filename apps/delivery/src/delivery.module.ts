import { setTimeout as pause } from 'node:timers/promises';
import { Inject, Module, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import {
  CrossdockError,
  declareTopics,
  documentTopic,
  UNROUTED_TOPIC,
  type Configuration,
  type DocumentTopicInput,
  type EventLog,
  type Target,
} from '#contracts';
import { openTarget, targets as connectors } from '#connectors';
import { Database, QUERY_TIMEOUT_MS } from '#db';
import { openEventLog } from '#event-log';
import { startUpkeep } from '#outbox';
import {
  CONFIGURATION,
  ENVIRONMENT,
  EventLogStrategy,
  Health,
  logger,
  Metrics,
  SCHEMA_ROOTS,
  Transports,
  type Environment,
} from '#platform';
import { confluentRegistry, fileRegistry, loadSchemas, type SchemaSet } from '#schema';
import { DELIVERY, DeliveryController } from './delivery.controller.ts';
import { DeliveryService } from './delivery.service.ts';
import { extendDeliveries } from './partitions.ts';

const DATABASE = Symbol('database of delivery');
const ORDERS_DATABASE = Symbol('database of the orders of delivery');
const EVENT_LOG = Symbol('event log of delivery');
const SCHEMAS = Symbol('schemas of delivery');
const TARGETS = Symbol('targets of delivery');
const log = logger('delivery');
const GROUP = 'delivery';

/** An order may be one statement over a whole backlog (a flow that is resumed, a replay that is ended), and is made again when it is cut off. */
const ORDER_MS = 600_000;

/** The wiring of this room: targets of the configuration, the database, and one group that reads documents and what is set aside. */
@Module({
  controllers: [DeliveryController],
  providers: [
    {
      provide: SCHEMAS,
      inject: [SCHEMA_ROOTS],
      useFactory: (roots: readonly string[]): SchemaSet => loadSchemas({ roots }),
    },
    {
      provide: DATABASE,
      inject: [ENVIRONMENT],
      useFactory: (environment: Environment): Promise<Database> =>
        openDatabase(environment, 'delivery', 10, QUERY_TIMEOUT_MS),
    },
    {
      provide: ORDERS_DATABASE,
      inject: [ENVIRONMENT],
      useFactory: (environment: Environment): Promise<Database> =>
        openDatabase(environment, 'delivery orders', 1, ORDER_MS),
    },
    {
      provide: TARGETS,
      inject: [CONFIGURATION, ENVIRONMENT],
      useFactory: openTargets,
    },
    {
      provide: EVENT_LOG,
      inject: [ENVIRONMENT, DATABASE, TARGETS, Transports, Metrics],
      useFactory: async (
        { kafka }: Environment,
        database: Database,
        targets: ReadonlyMap<string, Target>,
        transports: Transports,
        metrics: Metrics,
      ): Promise<EventLog> => {
        const eventLog = await openEventLog({ kafka: connectionOf(kafka), database });
        const documents = topicsOf(targets);
        const declared = declareTopics(documents);
        await eventLog.ensureTopics(declared);
        const topics = {
          documents: documents.map((at) => documentTopic(at.schema, at.connection, at.document)),
          unrouted: [UNROUTED_TOPIC],
          'dead-letters': declared.filter(({ writer }) => writer === 'event-log').map(({ name }) => name),
        };
        const strategy = new EventLogStrategy({
          eventLog,
          transportId: DELIVERY,
          group: GROUP,
          topics,
          onProblem: ({ kind, topic, partition, message, cause }) => {
            metrics.count('logProblems', { group: GROUP, kind });
            log.warn({ kind, topic, partition, err: cause }, message);
          },
        });
        transports.add(strategy);
        metrics.onScrape(() => collectLag(eventLog, Object.values(topics).flat(), metrics));
        metrics.onScrape(async () => metrics.set('logStopped', { group: GROUP }, strategy.stopped().length));
        return eventLog;
      },
    },
    {
      provide: DeliveryService,
      inject: [DATABASE, ORDERS_DATABASE, CONFIGURATION, TARGETS, SCHEMAS, ENVIRONMENT, Metrics],
      useFactory: (
        database: Database,
        ordersDatabase: Database,
        configuration: Configuration,
        targets: ReadonlyMap<string, Target>,
        schemas: SchemaSet,
        { schemaRegistryUrl }: Environment,
        metrics: Metrics,
      ): DeliveryService => {
        const registry = schemaRegistryUrl ? confluentRegistry(schemaRegistryUrl, schemas) : fileRegistry(schemas);
        return new DeliveryService({ database, ordersDatabase, configuration, targets, schemas, registry, metrics });
      },
    },
  ],
})
export class DeliveryModule implements OnApplicationBootstrap, OnApplicationShutdown {
  readonly #database: Database;
  readonly #ordersDatabase: Database;
  readonly #eventLog: EventLog;
  readonly #delivery: DeliveryService;
  readonly #stopping = new AbortController();
  #started: Promise<boolean> = Promise.resolve(false);
  #stopUpkeep: (() => Promise<void>) | undefined;

  constructor(
    @Inject(DATABASE) database: Database,
    @Inject(ORDERS_DATABASE) ordersDatabase: Database,
    @Inject(EVENT_LOG) eventLog: EventLog,
    @Inject(DeliveryService) delivery: DeliveryService,
    @Inject(Health) health: Health,
  ) {
    this.#database = database;
    this.#ordersDatabase = ordersDatabase;
    this.#eventLog = eventLog;
    this.#delivery = delivery;
    health.register('delivery: database', async () => void (await database.query('select 1')));
    health.register('delivery: log', () => eventLog.ping());
  }

  /** A schema registry that is away delays what is sent, not what starts beside delivery in one process. */
  async onApplicationBootstrap(): Promise<void> {
    this.#stopUpkeep = startUpkeep({
      extend: () => extendDeliveries(this.#database),
      surprised: (err) => log.warn({ err }, 'the upkeep of revisions and attempts is tried again in a minute'),
    });
    const wait = (error: unknown): void => {
      if (!(error instanceof CrossdockError) || !error.retryable) throw error;
      log.warn({ err: error }, 'waiting for the schema registry before anything is sent');
      this.#started = this.#startLater();
    };
    if (await this.#delivery.ready().then(() => true, wait)) {
      this.#started = Promise.resolve(true);
      await this.#delivery.start();
    }
  }

  /** True once it runs, false when it was stopped before. A start that fails for another reason ends the process, as ever. */
  async #startLater(): Promise<boolean> {
    const { signal } = this.#stopping;
    const ready = async (): Promise<boolean> => {
      await pause(1_000, undefined, { signal }).catch(() => {});
      return (
        signal.aborted ||
        this.#delivery.ready().then(
          () => true,
          () => false,
        )
      );
    };
    while (!(await ready()));
    if (signal.aborted) return false;
    await this.#delivery.start();
    return true;
  }

  async onApplicationShutdown(): Promise<void> {
    this.#stopping.abort();
    if (await this.#started) await this.#delivery.stop();
    await this.#stopUpkeep?.();
    await this.#eventLog.close();
    await this.#ordersDatabase.close();
    await this.#database.close();
  }
}

function openDatabase(
  { databaseUrl: url }: Environment,
  name: string,
  max: number,
  queryTimeoutMs: number,
): Promise<Database> {
  if (!url) throw new CrossdockError('CROSSDOCK_START_DATABASE', 'delivery needs DATABASE_URL');
  return Database.open({ url, name, max, queryTimeoutMs, byKey: true });
}

function openTargets(configuration: Configuration, { sandbox, sandboxPort }: Environment): ReadonlyMap<string, Target> {
  const opened = new Map<string, Target>();
  for (const connection of configuration.connections.values()) {
    if (connection.side !== 'target' || !connectors.has(connection.connector)) continue;
    const surroundings = {
      sandbox: (path: string): string => {
        if (!sandbox)
          throw new CrossdockError(
            'CROSSDOCK_CONFIGURATION_SANDBOX',
            `connection ${connection.name} is in the sandbox, and the sandbox is off: set CROSSDOCK_SANDBOX=on`,
          );
        return `http://127.0.0.1:${sandboxPort}${path}`;
      },
    };
    opened.set(connection.name, openTarget(connection, surroundings));
  }
  return opened;
}

const topicsOf = (targets: ReadonlyMap<string, Target>): DocumentTopicInput[] =>
  [...targets].flatMap(([connection, target]) =>
    [...target.documents.values()].map(({ schema, document }) => ({ schema, connection, document })),
  );

/** How far this group is behind the end of each topic it reads. */
async function collectLag(eventLog: EventLog, topics: string[], metrics: Metrics): Promise<void> {
  const behind = new Map(topics.map((topic) => [topic, 0]));
  for (const { topic, lag } of await eventLog.lag(GROUP, topics)) behind.set(topic, behind.get(topic)! + Number(lag));
  for (const [topic, lag] of behind) metrics.set('logLag', { group: GROUP, topic }, lag);
}

/** The log takes plain text where the environment keeps a secret. */
function connectionOf(kafka: Environment['kafka']) {
  return kafka && { ...kafka, sasl: kafka.sasl && { ...kafka.sasl, password: kafka.sasl.password.reveal() } };
}
