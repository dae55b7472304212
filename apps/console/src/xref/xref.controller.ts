import { Body, Controller, Get, Put, Query, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import { Permission, ProblemError } from '#platform';
import { readBody, Text } from '../api/body.ts';
import { limitOf, readQuery, type Query as QueryOf } from '../api/query.ts';
import { answerCommand } from '../commands/answer.ts';
import { CommandService } from '../commands/command.service.ts';
import { ConsoleDatabase } from '../console-database.ts';
import { Names } from '../names.ts';
import { xrefPage, xrefItem } from './page.ts';

const Bind = z.strictObject({
  connection: Text,
  document: Text,
  key: Text,
  targetId: Text,
  reason: Text.default('bound by hand'),
});

/** Which id there belongs to which record here. */
@Controller('api/v1/xref')
export class XrefController {
  readonly #database: ConsoleDatabase;
  readonly #names: Names;
  readonly #commands: CommandService;

  constructor(database: ConsoleDatabase, names: Names, commands: CommandService) {
    this.#database = database;
    this.#names = names;
    this.#commands = commands;
  }

  @Get()
  @Permission('xref.read')
  async read(@Query() query: QueryOf): Promise<unknown> {
    const given = readQuery(query, ['connection', 'document', 'key', 'targetId', 'after', 'limit']);
    if (given.connection !== undefined) this.#names.target(given.connection);
    const { rows, next } = await xrefPage(this.#database.database, { ...given, limit: limitOf(given.limit) });
    return { items: rows.map(xrefItem), next };
  }

  @Put()
  @Permission('xref.write')
  async bind(@Body() body: Buffer, @Res({ passthrough: true }) reply: FastifyReply): Promise<unknown> {
    const { connection, document, key, targetId, reason } = readBody(body, Bind);
    this.#names.target(connection);
    if (key.split(':').length < 3)
      throw new ProblemError(400, 'CROSSDOCK_API_BAD_BODY', `key: "${key}" is not {tenant}:{entity}:{record id}`);
    const target = { connection, document, key, targetId };
    return answerCommand(await this.#commands.place({ stage: 'delivery', kind: 'bind', target, reason }), reply);
  }
}
