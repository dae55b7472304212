import { Body, Controller, Get, Param, Put, Query, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import { Permission, ProblemError } from '#platform';
import { readBody, Text } from '../api/body.ts';
import { iso } from '../api/json.ts';
import { readQuery, storable, type Query as QueryOf } from '../api/query.ts';
import { answerCommand } from '../commands/answer.ts';
import { CommandService } from '../commands/command.service.ts';
import { ConsoleDatabase } from '../console-database.ts';
import { Names } from '../names.ts';
import { openValues, valuesOf } from './values.ts';

const Fill = z.strictObject({
  values: z.record(Text, Text).refine((values) => Object.keys(values).length > 0, 'names no value'),
  reason: Text.default('filled in'),
});

/** Values that people fill in: from what a source says to what a target understands. `connection` empty: one for all. */
@Controller('api/v1/value-maps')
export class ValueMapsController {
  readonly #database: ConsoleDatabase;
  readonly #names: Names;
  readonly #commands: CommandService;

  constructor(database: ConsoleDatabase, names: Names, commands: CommandService) {
    this.#database = database;
    this.#names = names;
    this.#commands = commands;
  }

  @Get(':set')
  @Permission('value-maps.read')
  async read(@Param('set') set: string, @Query() query: QueryOf): Promise<unknown> {
    checkName(set);
    const connection = this.#connection(query);
    return this.#database.snapshot(async (db) => ({
      set,
      connection,
      values: await valuesOf(db, set, connection),
      open: (await openValues(db, set, connection)).map(({ value, waiting, since }) => ({
        from: value,
        waiting,
        since: iso(since)!,
      })),
    }));
  }

  @Put(':set')
  @Permission('value-maps.write')
  async fill(
    @Param('set') set: string,
    @Query() query: QueryOf,
    @Body() body: Buffer,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<unknown> {
    checkName(set);
    const { values, reason } = readBody(body, Fill);
    const target = { connection: this.#connection(query), set, values };
    return answerCommand(await this.#commands.place({ stage: 'delivery', kind: 'fill', target, reason }), reply);
  }

  #connection(query: QueryOf): string {
    const { connection } = readQuery(query, ['connection']);
    return connection === undefined ? '' : this.#names.target(connection).name;
  }
}

function checkName(set: string): void {
  if (!storable(set)) throw new ProblemError(404, 'CROSSDOCK_API_NOT_FOUND', 'no value map has such a name');
}
