import { Body, Controller, Get, Param, Post, Query, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import { Permission } from '#platform';
import { readBody, Text } from '../api/body.ts';
import { long } from '../api/json.ts';
import { afterOf, badFilter, limitOf, readQuery, rowId, type Query as QueryOf } from '../api/query.ts';
import { answerCommand } from '../commands/answer.ts';
import { CommandService } from '../commands/command.service.ts';
import { ConsoleDatabase } from '../console-database.ts';
import { Names } from '../names.ts';
import { capturedItem, capturedPage } from './page.ts';

const STATUSES = ['waiting', 'published', 'rejected', 'dismissed'];
const Reason = z.strictObject({ reason: Text });
const Selection = z.strictObject({ reason: Text, connection: Text.optional(), code: Text.optional() });

/** What came in, and why it could not become an event where it could not. What people do about that is a command of capture. */
@Controller('api/v1/captured')
export class CapturedController {
  readonly #database: ConsoleDatabase;
  readonly #names: Names;

  readonly #commands: CommandService;

  constructor(database: ConsoleDatabase, names: Names, commands: CommandService) {
    this.#database = database;
    this.#names = names;
    this.#commands = commands;
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

  /** Every rejected one of a selection. */
  @Post('renormalise')
  @Permission('records.act')
  renormaliseAll(@Body() body: Buffer, @Res({ passthrough: true }) reply: FastifyReply): Promise<unknown> {
    const { reason, connection, code } = readBody(body, Selection);
    if (connection !== undefined) this.#names.connection(connection);
    return this.#order('renormalise', { connection, code }, reason, reply);
  }

  @Post(':id/renormalise')
  @Permission('records.act')
  renormalise(@Param('id') id: string, @Body() body: Buffer, @Res({ passthrough: true }) reply: FastifyReply) {
    const { reason } = readBody(body, Reason);
    return this.#order('renormalise', { capturedId: String(rowId(id, 'captured row')) }, reason, reply);
  }

  @Post(':id/dismiss')
  @Permission('records.act')
  dismiss(@Param('id') id: string, @Body() body: Buffer, @Res({ passthrough: true }) reply: FastifyReply) {
    const { reason } = readBody(body, Reason);
    return this.#order('dismiss', { capturedId: String(rowId(id, 'captured row')) }, reason, reply);
  }

  async #order(
    kind: 'renormalise' | 'dismiss',
    target: Record<string, unknown>,
    reason: string,
    reply: FastifyReply,
  ): Promise<unknown> {
    return answerCommand(await this.#commands.place({ stage: 'capture', kind, target, reason }), reply);
  }
}
