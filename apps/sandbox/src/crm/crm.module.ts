import { Inject, Module, type OnApplicationShutdown } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { CrossdockError, type Configuration } from '#contracts';
import { Outbox, OutboxModule } from '#outbox';
import { CONFIGURATION, ENVIRONMENT, SCHEMA_ROOTS, type Environment } from '#platform';
import { openCrm } from './crm-data-source.ts';
import { CrmController } from './crm.controller.ts';
import { CrmService } from './crm.service.ts';

/** A small NestJS and TypeORM service with Crossdock's outbox library in it: copy from here. */
@Module({
  imports: [
    OutboxModule.registerAsync({
      inject: [CONFIGURATION, SCHEMA_ROOTS, ENVIRONMENT],
      useFactory: (
        { tenant, connections }: Configuration,
        schemaRoots: readonly string[],
        { schemaRegistryUrl }: Environment,
      ) => ({ tenant, connections, schemaRoots, registryUrl: schemaRegistryUrl }),
    }),
  ],
  controllers: [CrmController],
  exports: [CrmService],
  providers: [
    {
      provide: DataSource,
      inject: [ENVIRONMENT],
      useFactory: ({ databaseUrl }: Environment) => {
        if (databaseUrl) return openCrm(databaseUrl);
        throw new CrossdockError('CROSSDOCK_START_DATABASE', 'the sandbox CRM needs DATABASE_URL');
      },
    },
    {
      provide: CrmService,
      inject: [DataSource, Outbox],
      useFactory: (source: DataSource, outbox: Outbox) => new CrmService(source, outbox),
    },
  ],
})
export class CrmModule implements OnApplicationShutdown {
  constructor(@Inject(DataSource) private readonly source: DataSource) {}

  async onApplicationShutdown(): Promise<void> {
    if (this.source.isInitialized) await this.source.destroy();
  }
}
