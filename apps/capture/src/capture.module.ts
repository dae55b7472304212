import {
  Inject,
  Module,
  type MiddlewareConsumer,
  type NestModule,
  type OnApplicationBootstrap,
  type OnApplicationShutdown,
} from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { FastifyInstance } from 'fastify';
import { CRM_ENTITIES, CrossdockError, crmTopic, type Configuration } from '#contracts';
import { Database } from '#db';
import { CONFIGURATION, ENVIRONMENT, Health, logger, Metrics, SCHEMA_ROOTS, type Environment } from '#platform';
import { confluentRegistry, fileRegistry, loadSchemas } from '#schema';
import { startUpkeep } from '#outbox';
import { admit, SHED_REASONS } from './admission.ts';
import { Backlog } from './backlog.ts';
import { codeOf } from './fault.ts';
import { openMappings } from './mappings.ts';
import { NormaliseBatch } from './normalise-batch.ts';
import { Normaliser } from './normaliser.ts';
import { Orders } from './orders.ts';
import { extendPayloads, prunePayloads } from './payloads.ts';
import { Receive } from './receive.ts';
import { openSources, type Sources } from './sources.ts';
import { Store } from './store.ts';
import { Vocabulary } from './vocabulary.ts';
import { WebhookController } from './webhook.controller.ts';

const DATABASE = Symbol('database of capture');
const SOURCES = Symbol('sources of capture');

@Module({
  controllers: [WebhookController],
  providers: [
    {
      provide: DATABASE,
      inject: [ENVIRONMENT],
      useFactory: ({ databaseUrl }: Environment): Promise<Database> => {
        if (databaseUrl === undefined)
          throw new CrossdockError('CROSSDOCK_CAPTURE_NO_DATABASE', 'capture needs DATABASE_URL');
        return Database.open({ url: databaseUrl, name: 'capture', max: 12, queryTimeoutMs: 8_000, byKey: true });
      },
    },
    {
      provide: SOURCES,
      inject: [CONFIGURATION, ENVIRONMENT],
      useFactory: (configuration: Configuration, { host }: Environment) => openSources(configuration, host),
    },
    {
      provide: Vocabulary,
      inject: [CONFIGURATION, ENVIRONMENT, SOURCES, SCHEMA_ROOTS],
      useFactory: (
        configuration: Configuration,
        { schemaRegistryUrl }: Environment,
        sources: Sources,
        roots: readonly string[],
      ): Vocabulary => {
        const schemas = loadSchemas({ roots });
        const topics = new Map(CRM_ENTITIES.map((entity) => [crmTopic(entity), `canonical/${entity}`]));
        const registry =
          schemaRegistryUrl === undefined
            ? fileRegistry(schemas)
            : confluentRegistry(schemaRegistryUrl, schemas, { topics });
        return new Vocabulary(schemas, registry, openMappings(configuration, sources, roots, schemas));
      },
    },
    {
      provide: Normaliser,
      inject: [DATABASE, CONFIGURATION, Vocabulary, Metrics],
      useFactory: (
        database: Database,
        { tenant, connections }: Configuration,
        vocabulary: Vocabulary,
        metrics: Metrics,
      ): Normaliser => new Normaliser(database, new NormaliseBatch(database, tenant, connections, vocabulary), metrics),
    },
    {
      provide: Receive,
      inject: [SOURCES, DATABASE, CONFIGURATION, Normaliser, Metrics],
      useFactory: (
        sources: Sources,
        database: Database,
        { tenant }: Configuration,
        normaliser: Normaliser,
        metrics: Metrics,
      ) => new Receive(sources, new Store(database, tenant, (keys) => normaliser.wake(keys)), metrics),
    },
  ],
})
export class CaptureModule implements NestModule, OnApplicationBootstrap, OnApplicationShutdown {
  readonly #adapter: HttpAdapterHost;
  readonly #database: Database;
  readonly #normaliser: Normaliser;
  readonly #metrics: Metrics;
  readonly #backlog: Backlog;
  readonly #orders: Orders;
  #stopUpkeep: (() => Promise<void>) | undefined;

  constructor(
    adapter: HttpAdapterHost,
    @Inject(DATABASE) database: Database,
    @Inject(Normaliser) normaliser: Normaliser,
    @Inject(CONFIGURATION) { connections }: Configuration,
    @Inject(Metrics) metrics: Metrics,
    @Inject(Health) health: Health,
  ) {
    this.#adapter = adapter;
    this.#database = database;
    this.#normaliser = normaliser;
    this.#metrics = metrics;
    this.#backlog = new Backlog(database);
    this.#orders = new Orders(database, (keys) => normaliser.wake(keys));
    health.register('capture database', async () => {
      await database.query('select 1');
    });
    countFromZero(metrics, connections);
  }

  /** Before routes are made, so that the hooks hold for them. */
  configure(_consumer: MiddlewareConsumer): void {
    admit(this.#adapter.httpAdapter.getInstance<FastifyInstance>(), {
      backlogged: () => this.#backlog.full,
      shed: (reason) => this.#metrics.count('captureShed', { reason }),
    });
  }

  async onApplicationBootstrap(): Promise<void> {
    this.#normaliser.start();
    this.#backlog.start();
    await this.#orders.start();
    this.#stopUpkeep = startUpkeep({
      extend: () => extendPayloads(this.#database),
      prune: () => prunePayloads(this.#database),
      surprised: (err) =>
        logger('capture').warn({ code: codeOf(err) }, 'the upkeep of payloads is tried again in a minute'),
    });
  }

  async onApplicationShutdown(): Promise<void> {
    await Promise.all([this.#stopUpkeep?.(), this.#orders.stop(), this.#backlog.stop(), this.#normaliser.stop()]);
    await this.#database.close();
  }
}

/** What alert rules read is there before it happens: a counter that begins at 1 has not increased, and one that is absent says that no capture runs. */
function countFromZero(metrics: Metrics, connections: Configuration['connections']): void {
  for (const reason of SHED_REASONS) metrics.count('captureShed', { reason }, 0);
  for (const { name, side } of connections.values())
    if (side === 'source') metrics.count('normalised', { connection: name, result: 'rejected' }, 0);
}
