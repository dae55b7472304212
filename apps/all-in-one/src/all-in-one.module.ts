import { Module } from '@nestjs/common';
import { CaptureModule } from '../../capture/src/capture.module.ts';
import { ConsoleModule } from '../../console/src/console.module.ts';
import { DeliveryModule } from '../../delivery/src/delivery.module.ts';
import { MapperModule } from '../../mapper/src/mapper.module.ts';
import { RelayModule } from '../../relay/src/relay.module.ts';

/** The five stages in one process. They still hand over through tables and topics alone. */
@Module({ imports: [CaptureModule, RelayModule, MapperModule, DeliveryModule, ConsoleModule] })
export class AllInOneModule {}
