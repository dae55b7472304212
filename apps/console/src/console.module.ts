import { Module } from '@nestjs/common';
import { ENVIRONMENT, Health, type Environment } from '#platform';
import { CapturedController } from './captured/captured.controller.ts';
import { CommandService } from './commands/command.service.ts';
import { CommandsController } from './commands/commands.controller.ts';
import { ConsoleDatabase } from './console-database.ts';
import { DeliveryActionsController } from './deliveries/actions.controller.ts';
import { DeliveriesController } from './deliveries/deliveries.controller.ts';
import { EventsController } from './events/events.controller.ts';
import { RecordNumbers } from './events/record-numbers.ts';
import { RecordsController } from './events/records.controller.ts';
import { FailuresController } from './failures/failures.controller.ts';
import { EventRecords } from './mappings/event-records.ts';
import { MappingsController } from './mappings/mappings.controller.ts';
import { Mappings } from './mappings/mappings.ts';
import { Collector } from './metrics/collector.ts';
import { Names } from './names.ts';
import { RelayController } from './relay/relay.controller.ts';
import { ReplaysController } from './replays/replays.controller.ts';
import { SchemaRegistryController } from './schemas/schema-registry.controller.ts';
import { StatusController } from './status/status.controller.ts';
import { StatusService } from './status/status.service.ts';
import { SwitchesController } from './switches/switches.controller.ts';
import { ValueMapsController } from './value-maps/value-maps.controller.ts';
import { XrefController } from './xref/xref.controller.ts';

/** Every route of the console; a test reads this list to see that each declares a permission. */
export const CONTROLLERS = [
  StatusController,
  CapturedController,
  EventsController,
  RecordsController,
  DeliveriesController,
  DeliveryActionsController,
  FailuresController,
  CommandsController,
  ValueMapsController,
  XrefController,
  SwitchesController,
  RelayController,
  MappingsController,
  SchemaRegistryController,
  ReplaysController,
];

/** People see, understand and repair: reads what the stages wrote, orders by `command` rows, consumes nothing. */
@Module({
  controllers: CONTROLLERS,
  providers: [
    {
      provide: ConsoleDatabase,
      useFactory: (environment: Environment, health: Health) => ConsoleDatabase.open(environment, health),
      inject: [ENVIRONMENT, Health],
    },
    Names,
    Mappings,
    EventRecords,
    RecordNumbers,
    StatusService,
    CommandService,
    Collector,
  ],
})
export class ConsoleModule {}
