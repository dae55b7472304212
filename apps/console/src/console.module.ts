import { Module } from '@nestjs/common';
import { ENVIRONMENT, Health, type Environment } from '#platform';
import { ConsoleDatabase } from './console-database.ts';
import { DeliveriesController } from './deliveries/deliveries.controller.ts';
import { RecordsController } from './events/records.controller.ts';
import { Names } from './names.ts';
import { FlowDocuments } from './status/flow-documents.ts';
import { StatusController } from './status/status.controller.ts';
import { StatusService } from './status/status.service.ts';

/** People see, understand and repair: reads what the stages wrote, orders by `command` rows, consumes nothing. */
@Module({
  controllers: [StatusController, DeliveriesController, RecordsController],
  providers: [
    {
      provide: ConsoleDatabase,
      useFactory: (environment: Environment, health: Health) => ConsoleDatabase.open(environment, health),
      inject: [ENVIRONMENT, Health],
    },
    Names,
    FlowDocuments,
    StatusService,
  ],
})
export class ConsoleModule {}
