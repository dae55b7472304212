import { Controller, Get } from '@nestjs/common';
import { Permission } from '#platform';
import type { Status } from './assemble.ts';
import { StatusService } from './status.service.ts';

@Controller('api/v1/status')
export class StatusController {
  readonly #status: StatusService;

  constructor(status: StatusService) {
    this.#status = status;
  }

  @Get()
  @Permission('status.read')
  status(): Promise<Status> {
    return this.#status.status();
  }
}
