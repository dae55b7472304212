import { Body, Controller, Post, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import { Permission } from '#platform';
import { readBody, Text } from '../api/body.ts';
import { answerCommand } from '../commands/answer.ts';
import { CommandService } from '../commands/command.service.ts';

const Release = z.strictObject({ key: Text, reason: Text.default('not given') });
const Refill = z.strictObject({
  group: z.enum(['mapper', 'delivery']).optional(),
  topic: Text.optional(),
  partition: z.int().min(0).optional(),
  reason: Text.default('not given'),
});

/** What people order of the relay: rows it had set aside, and records that the log has lost. */
@Controller('api/v1/relay')
export class RelayController {
  readonly #commands: CommandService;

  constructor(commands: CommandService) {
    this.#commands = commands;
  }

  @Post('release')
  @Permission('deliveries.act')
  async release(@Body() body: Buffer, @Res({ passthrough: true }) reply: FastifyReply): Promise<unknown> {
    const { reason, ...target } = readBody(body, Release);
    return answerCommand(await this.#commands.place({ stage: 'relay', kind: 'release', target, reason }), reply);
  }

  @Post('refill')
  @Permission('deliveries.act')
  async refill(@Body() body: Buffer, @Res({ passthrough: true }) reply: FastifyReply): Promise<unknown> {
    const { reason, ...target } = readBody(body, Refill);
    return answerCommand(await this.#commands.place({ stage: 'relay', kind: 'refill', target, reason }), reply);
  }
}
