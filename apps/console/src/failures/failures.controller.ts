import { Controller, Get } from '@nestjs/common';
import { Permission } from '#platform';
import { ConsoleDatabase } from '../console-database.ts';
import { failureGroups, otherFailures } from './failures.ts';

@Controller('api/v1/failures')
export class FailuresController {
  readonly #database: ConsoleDatabase;

  constructor(database: ConsoleDatabase) {
    this.#database = database;
  }

  /** What is broken, by cause. */
  @Get()
  @Permission('deliveries.read')
  failures(): Promise<unknown> {
    return this.#database.snapshot(async (db) => ({ items: await failureGroups(db), ...(await otherFailures(db)) }));
  }
}
