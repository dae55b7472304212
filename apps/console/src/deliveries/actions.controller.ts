import { Body, Controller, Param, Post, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import { Permission, ProblemError } from '#platform';
import { readBody, Text } from '../api/body.ts';
import { rowId } from '../api/query.ts';
import { answerCommand } from '../commands/answer.ts';
import { CommandService } from '../commands/command.service.ts';
import { ConsoleDatabase } from '../console-database.ts';
import { readEdit } from './edit-body.ts';

const Reason = z.strictObject({ reason: Text });
const Resolve = z.strictObject({ reason: Text, as: z.enum(['applied', 'not-applied']), targetId: Text.optional() });

const EXISTS = `select 1 from delivery where id = $1`;

/** What people do with a delivery. Each is a command of delivery, which decides under the lane's lock. */
@Controller('api/v1/deliveries/:id')
export class DeliveryActionsController {
  readonly #database: ConsoleDatabase;
  readonly #commands: CommandService;

  constructor(database: ConsoleDatabase, commands: CommandService) {
    this.#database = database;
    this.#commands = commands;
  }

  @Post('retry')
  @Permission('deliveries.act')
  async retry(@Param('id') id: string, @Body() body: Buffer, @Res({ passthrough: true }) reply: FastifyReply) {
    const { reason } = readBody(body, Reason);
    return this.#order('retry', { deliveryId: await this.#known(id) }, reason, reply);
  }

  @Post('resolve')
  @Permission('deliveries.act')
  async resolve(@Param('id') id: string, @Body() body: Buffer, @Res({ passthrough: true }) reply: FastifyReply) {
    const { reason, as, targetId } = readBody(body, Resolve);
    return this.#order('resolve', { deliveryId: await this.#known(id), as, targetId }, reason, reply);
  }

  @Post('cancel')
  @Permission('deliveries.act')
  async cancel(@Param('id') id: string, @Body() body: Buffer, @Res({ passthrough: true }) reply: FastifyReply) {
    const { reason } = readBody(body, Reason);
    return this.#order('cancel', { deliveryId: await this.#known(id) }, reason, reply);
  }

  @Post('edit')
  @Permission('deliveries.act')
  async edit(@Param('id') id: string, @Body() body: Buffer, @Res({ passthrough: true }) reply: FastifyReply) {
    const { reason, document } = readEdit(body);
    return this.#order('edit', { deliveryId: await this.#known(id), body: document }, reason, reply);
  }

  async #order(
    kind: 'retry' | 'resolve' | 'cancel' | 'edit',
    target: Record<string, unknown>,
    reason: string,
    reply: FastifyReply,
  ): Promise<unknown> {
    return answerCommand(await this.#commands.place({ stage: 'delivery', kind, target, reason }), reply);
  }

  async #known(id: string): Promise<string> {
    const [row] = await this.#database.query(EXISTS, [rowId(id, 'delivery')]);
    if (row === undefined) throw new ProblemError(404, 'CROSSDOCK_API_NOT_FOUND', `there is no delivery "${id}"`);
    return BigInt(id).toString();
  }
}
