import { Body, Controller, Param, Post, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import { Permission } from '#platform';
import { readBody, Text } from '../api/body.ts';
import { answerCommand } from '../commands/answer.ts';
import { CommandService } from '../commands/command.service.ts';
import { Names } from '../names.ts';

const Reason = z.strictObject({ reason: Text.default('not given') });

/** Pausing and resuming flows and connections. */
@Controller('api/v1')
export class SwitchesController {
  readonly #names: Names;
  readonly #commands: CommandService;

  constructor(names: Names, commands: CommandService) {
    this.#names = names;
    this.#commands = commands;
  }

  @Post('flows/:name/pause')
  @Permission('flows.act')
  pauseFlow(@Param('name') name: string, @Body() body: Buffer, @Res({ passthrough: true }) reply: FastifyReply) {
    return this.#order('pause', { flow: this.#names.flow(name).name }, body, reply);
  }

  @Post('flows/:name/resume')
  @Permission('flows.act')
  resumeFlow(@Param('name') name: string, @Body() body: Buffer, @Res({ passthrough: true }) reply: FastifyReply) {
    return this.#order('resume', { flow: this.#names.flow(name).name }, body, reply);
  }

  @Post('connections/:name/pause')
  @Permission('connections.act')
  pauseConnection(@Param('name') name: string, @Body() body: Buffer, @Res({ passthrough: true }) reply: FastifyReply) {
    return this.#order('pause', { connection: this.#names.target(name).name }, body, reply);
  }

  @Post('connections/:name/resume')
  @Permission('connections.act')
  resumeConnection(@Param('name') name: string, @Body() body: Buffer, @Res({ passthrough: true }) reply: FastifyReply) {
    return this.#order('resume', { connection: this.#names.target(name).name }, body, reply);
  }

  async #order(
    kind: 'pause' | 'resume',
    target: { flow: string } | { connection: string },
    body: Buffer,
    reply: FastifyReply,
  ): Promise<unknown> {
    const { reason } = readBody(body, Reason);
    return answerCommand(await this.#commands.place({ stage: 'delivery', kind, target, reason }), reply);
  }
}
