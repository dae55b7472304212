import { Module, type DynamicModule, type FactoryProvider } from '@nestjs/common';
import type { Connection } from '#contracts';
import { fileRegistry, loadSchemas, type SchemaRegistry } from '#schema';
import { Outbox } from './outbox.ts';

export interface OutboxModuleOptions {
  tenant: string;
  connections: ReadonlyMap<string, Connection>;
  /** folders laid out like schemas/ */
  schemaRoots: readonly string[];
  /** default: the lock files in the roots */
  registry?: SchemaRegistry;
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
          useFactory: async (...injected: never[]) => openOutbox(await options.useFactory(...injected)),
        },
      ],
      exports: [Outbox],
    };
  }
}

/** The same without Nest. Throws ConfigurationError where schemas are broken. */
export function openOutbox({ tenant, connections, schemaRoots, registry }: OutboxModuleOptions): Outbox {
  const schemas = loadSchemas({ roots: schemaRoots });
  return new Outbox({ tenant, connections, schemas, registry: registry ?? fileRegistry(schemas) });
}
