import { Module, type DynamicModule, type FactoryProvider } from '@nestjs/common';
import { CRM_ENTITIES, crmTopic, type Connection } from '#contracts';
import { confluentRegistry, fileRegistry, loadSchemas, type SchemaRegistry, type SchemaSet } from '#schema';
import { Outbox } from './outbox.ts';

export interface OutboxModuleOptions {
  tenant: string;
  connections: ReadonlyMap<string, Connection>;
  /** folders laid out like schemas/ */
  schemaRoots: readonly string[];
  /** a registry that speaks Confluent's REST API; default: the lock files in the roots */
  registryUrl?: string;
}

/**
 * `Outbox` for a NestJS service. The service's own TypeORM DataSource opens the transactions; this module opens no
 * connection.
 */
@Module({})
export class OutboxModule {
  static registerAsync(options: {
    inject?: FactoryProvider['inject'];
    useFactory: (...injected: never[]) => OutboxModuleOptions | Promise<OutboxModuleOptions>;
  }): DynamicModule {
    return {
      module: OutboxModule,
      providers: [
        {
          provide: Outbox,
          inject: options.inject ?? [],
          useFactory: async (...injected: never[]) => {
            const outbox = openOutbox(await options.useFactory(...injected));
            // so that no transaction waits for a registry; one that is away now is asked again by the first append
            await outbox.ready().catch(() => {});
            return outbox;
          },
        },
      ],
      exports: [Outbox],
    };
  }
}

/** The same without Nest. Throws ConfigurationError where schemas are broken. */
export function openOutbox({ tenant, connections, schemaRoots, registryUrl }: OutboxModuleOptions): Outbox {
  const schemas = loadSchemas({ roots: schemaRoots });
  return new Outbox({ tenant, connections, schemas, registry: registryOf(schemas, registryUrl) });
}

function registryOf(schemas: SchemaSet, url: string | undefined): SchemaRegistry {
  if (url === undefined) return fileRegistry(schemas);
  return confluentRegistry(url, schemas, {
    topics: new Map(CRM_ENTITIES.map((entity) => [crmTopic(entity), `canonical/${entity}`])),
  });
}
