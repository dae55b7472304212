import { Controller, Inject } from '@nestjs/common';
import { EventPattern, Payload } from '@nestjs/microservices';
import type { LogBatch } from '#contracts';
import type { BatchOutcome } from '#platform';
import { MapperService } from './mapper.service.ts';

/** Names the handlers of this room among those of an application. */
export const MAPPER = Symbol('mapper');

/** Every topic of events, a batch at a time. */
@Controller()
export class MapperController {
  readonly #mapper: MapperService;

  constructor(@Inject(MapperService) mapper: MapperService) {
    this.#mapper = mapper;
  }

  @EventPattern('crm', MAPPER, { batch: true })
  events(@Payload() batch: LogBatch): Promise<BatchOutcome> {
    return this.#mapper.handle(batch);
  }
}
