import { Inject, Module, type OnApplicationShutdown } from '@nestjs/common';
import { CRM_ENTITIES, crmTopic, declareTopics, documentTopic, type Configuration, type EventLog } from '#contracts';
import { openEventLog } from '#event-log';
import { loadMappings, mappingFlows, type Bundle } from '#mapping';
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
import { avroReader, confluentRegistry, fileRegistry, loadSchemas, type SchemaSet } from '#schema';
import { mapperFlows } from './map-event.ts';
import { MAPPER, MapperController } from './mapper.controller.ts';
import { MapperService } from './mapper.service.ts';
import { schemaIds } from './schema-ids.ts';

const EVENT_LOG = Symbol('event log of the mapper');
const SCHEMAS = Symbol('schemas of the mapper');
const GROUP = 'mapper';
const TOPICS = CRM_ENTITIES.map(crmTopic);
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
      provide: EVENT_LOG,
      inject: [ENVIRONMENT, Transports, Metrics],
      useFactory: async (
        { kafka, databaseUrl }: Environment,
        transports: Transports,
        metrics: Metrics,
      ): Promise<EventLog> => {
        const eventLog = await openEventLog({ kafka: connectionOf(kafka), databaseUrl });
        transports.add(
          new EventLogStrategy({
            eventLog,
            transportId: MAPPER,
            group: GROUP,
            topics: { crm: TOPICS },
            onProblem: ({ kind, topic, partition, message, cause }) => {
              metrics.count('logProblems', { kind });
              log.warn({ kind, topic, partition, err: cause }, message);
            },
          }),
        );
        metrics.onScrape(() => collectLag(eventLog, metrics));
        return eventLog;
      },
    },
    {
      provide: MapperService,
      inject: [EVENT_LOG, SCHEMAS, SCHEMA_ROOTS, CONFIGURATION, ENVIRONMENT, Metrics],
      useFactory: async (
        eventLog: EventLog,
        schemas: SchemaSet,
        roots: readonly string[],
        configuration: Configuration,
        { schemaRegistryUrl }: Environment,
        metrics: Metrics,
      ): Promise<MapperService> => {
        const bundle = bundleOf(configuration, roots, schemas);
        const topics = new Map(
          [...bundle.flows.values()].map(({ schema, connection, document }) => [
            documentTopic(schema, connection, document),
            schema,
          ]),
        );
        const registry = schemaRegistryUrl
          ? confluentRegistry(schemaRegistryUrl, schemas, { topics })
          : fileRegistry(schemas);
        const ids = await schemaIds(
          [...bundle.flows.values()].map(({ schema }) => schema),
          registry,
          { onWait: (err) => log.warn({ err }, 'waiting for the schema registry before anything is mapped') },
        );
        const flows = mapperFlows(configuration.flows.values(), bundle, (schema) => ids.get(schema)!);
        const documents = [...bundle.flows.values()].map(({ schema, connection, document }) => ({
          schema,
          connection,
          document,
        }));
        await eventLog.ensureTopics(declareTopics(documents));
        return new MapperService({
          eventLog,
          metrics,
          table: { bundle, flows, zone: (connection) => configuration.connections.get(connection)?.zone ?? 'UTC' },
          topics: new Map(
            CRM_ENTITIES.map((entity) => [
              crmTopic(entity),
              { entity, read: avroReader(schemas.canonical(entity)!, registry) },
            ]),
          ),
        });
      },
    },
  ],
})
export class MapperModule implements OnApplicationShutdown {
  readonly #eventLog: EventLog;

  constructor(@Inject(EVENT_LOG) eventLog: EventLog, @Inject(Health) health: Health) {
    this.#eventLog = eventLog;
    health.register('mapper: log', () => eventLog.ping());
  }

  async onApplicationShutdown(): Promise<void> {
    await this.#eventLog.close();
  }
}

/** How far this group is behind the end of each topic of events. */
async function collectLag(eventLog: EventLog, metrics: Metrics): Promise<void> {
  const behind = new Map<string, number>(TOPICS.map((topic) => [topic, 0]));
  for (const { topic, lag } of await eventLog.lag(GROUP, TOPICS)) behind.set(topic, behind.get(topic)! + Number(lag));
  for (const [topic, lag] of behind) metrics.set('logLag', { group: GROUP, topic }, lag);
}

/** The log takes plain text where the environment keeps a secret. */
function connectionOf(kafka: Environment['kafka']) {
  return kafka && { ...kafka, sasl: kafka.sasl && { ...kafka.sasl, password: kafka.sasl.password.reveal() } };
}

/** Throws a ConfigurationError with every mistake of every mapping. */
function bundleOf(configuration: Configuration, roots: readonly string[], schemas: SchemaSet): Bundle {
  const position = ({ name }: { name: string }) => configuration.position(['flows', name, 'mapping']);
  return loadMappings({ roots, schemas, flows: mappingFlows(configuration.flows.values(), position) });
}
