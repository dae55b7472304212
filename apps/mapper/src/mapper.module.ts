import { Inject, Module, type OnApplicationShutdown, type OnModuleDestroy } from '@nestjs/common';
import {
  CRM_ENTITIES,
  crmTopic,
  declareTopics,
  RESULT_ENTITY,
  RESULT_TOPIC,
  type Configuration,
  type EventLog,
} from '#contracts';
import { openEventLog } from '#event-log';
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
import { avroReader, loadSchemas, type AvroSchema, type SchemaSet } from '#schema';
import { MAPPER, MapperController } from './mapper.controller.ts';
import { MapperService } from './mapper.service.ts';
import { prepare, type Prepared } from './prepare.ts';

const EVENT_LOG = Symbol('event log of the mapper');
const SCHEMAS = Symbol('schemas of the mapper');
const PREPARED = Symbol('what the mapper maps with');
const GROUP = 'mapper';
const log = logger('mapper');

/** The wiring of this room: mappings of the roots, the log of the environment, one group that reads every topic of events. */
@Module({
  controllers: [MapperController],
  providers: [
    {
      provide: SCHEMAS,
      inject: [SCHEMA_ROOTS],
      useFactory: (roots: readonly string[]): SchemaSet => loadSchemas({ roots }),
    },
    {
      provide: PREPARED,
      inject: [SCHEMAS, SCHEMA_ROOTS, CONFIGURATION, ENVIRONMENT],
      useFactory: (
        schemas: SchemaSet,
        roots: readonly string[],
        configuration: Configuration,
        { schemaRegistryUrl }: Environment,
      ): Promise<Prepared> => prepare(schemas, roots, configuration, schemaRegistryUrl),
    },
    {
      provide: EVENT_LOG,
      inject: [ENVIRONMENT, Transports, Metrics, CONFIGURATION, PREPARED],
      useFactory: async (
        { kafka, databaseUrl }: Environment,
        transports: Transports,
        metrics: Metrics,
        configuration: Configuration,
        { table, away }: Prepared,
      ): Promise<EventLog> => {
        const eventLog = await openEventLog({ kafka: connectionOf(kafka), databaseUrl });
        const topics = eventTopics(configuration);
        const strategy = new EventLogStrategy({
          eventLog,
          transportId: MAPPER,
          group: GROUP,
          topics: { crm: topics },
          after: away ? table : undefined,
          onProblem: ({ kind, topic, partition, message, cause }) => {
            metrics.count('logProblems', { group: GROUP, kind });
            log.warn({ kind, topic, partition, err: cause }, message);
          },
        });
        transports.add(strategy);
        metrics.onScrape(() => collectLag(eventLog, topics, metrics));
        metrics.onScrape(async () => metrics.set('logStopped', { group: GROUP }, strategy.stopped().length));
        return eventLog;
      },
    },
    {
      provide: MapperService,
      inject: [EVENT_LOG, SCHEMAS, PREPARED, Metrics],
      useFactory: async (
        eventLog: EventLog,
        schemas: SchemaSet,
        { table, registry, bundle }: Prepared,
        metrics: Metrics,
      ): Promise<MapperService> => {
        await eventLog.ensureTopics(declareTopics([...bundle.flows.values()]));
        const reader = (entity: string, schema: AvroSchema) => ({ entity, read: avroReader(schema, registry) });
        return new MapperService({
          eventLog,
          metrics,
          table,
          topics: new Map([
            ...CRM_ENTITIES.map((entity) => [crmTopic(entity), reader(entity, schemas.canonical(entity)!)] as const),
            [RESULT_TOPIC, reader(RESULT_ENTITY, schemas.avro(`envelope/${RESULT_ENTITY}`)!)] as const,
          ]),
        });
      },
    },
  ],
})
export class MapperModule implements OnModuleDestroy, OnApplicationShutdown {
  readonly #eventLog: EventLog;
  readonly #prepared: Prepared;

  constructor(
    @Inject(EVENT_LOG) eventLog: EventLog,
    @Inject(PREPARED) prepared: Prepared,
    @Inject(Health) health: Health,
  ) {
    this.#eventLog = eventLog;
    this.#prepared = prepared;
    health.register('mapper: log', () => eventLog.ping());
  }

  onModuleDestroy(): void {
    this.#prepared.stop();
  }

  async onApplicationShutdown(): Promise<void> {
    await this.#eventLog.close();
  }
}

/** Results only where a flow writes them back. */
function eventTopics({ flows }: Configuration): string[] {
  const writesBack = [...flows.values()].some(({ entity }) => entity === RESULT_ENTITY);
  return [...CRM_ENTITIES.map(crmTopic), ...(writesBack ? [RESULT_TOPIC] : [])];
}

/** How far this group is behind the end of each topic of events. */
async function collectLag(eventLog: EventLog, topics: readonly string[], metrics: Metrics): Promise<void> {
  const behind = new Map<string, number>(topics.map((topic) => [topic, 0]));
  for (const { topic, lag } of await eventLog.lag(GROUP, topics)) behind.set(topic, behind.get(topic)! + Number(lag));
  for (const [topic, lag] of behind) metrics.set('logLag', { group: GROUP, topic }, lag);
}

/** The log takes plain text where the environment keeps a secret. */
function connectionOf(kafka: Environment['kafka']) {
  return kafka && { ...kafka, sasl: kafka.sasl && { ...kafka.sasl, password: kafka.sasl.password.reveal() } };
}
