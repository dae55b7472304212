import { Controller, Get, Query } from '@nestjs/common';
import { Permission } from '#platform';
import { long } from '../api/json.ts';
import { afterOf, badFilter, limitOf, readQuery, type Query as QueryOf } from '../api/query.ts';
import { ConsoleDatabase } from '../console-database.ts';
import { Names } from '../names.ts';
import { capturedItem, capturedPage } from './page.ts';

const STATUSES = ['waiting', 'published', 'rejected'];

/** What came in, and why it could not become an event where it could not. */
@Controller('api/v1/captured')
export class CapturedController {
  readonly #database: ConsoleDatabase;
  readonly #names: Names;

  constructor(database: ConsoleDatabase, names: Names) {
    this.#database = database;
    this.#names = names;
  }

  @Get()
  @Permission('records.read')
  async list(@Query() query: QueryOf): Promise<unknown> {
    const given = readQuery(query, ['status', 'connection', 'after', 'limit']);
    const status = given.status === 'pending' ? 'waiting' : given.status;
    if (status !== undefined && !STATUSES.includes(status))
      throw badFilter(`"${status}" is none of ${STATUSES.join(', ')}`);
    if (given.connection !== undefined) this.#names.connection(given.connection);
    const { rows, next } = await capturedPage(this.#database.database, {
      status,
      connection: given.connection,
      after: afterOf(given.after),
      limit: limitOf(given.limit),
    });
    return { items: rows.map(capturedItem), next: long(next) };
  }
}
