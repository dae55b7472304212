import { Body, Controller, Delete, Get, Param, Post, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import { Permission, ProblemError } from '#platform';
import { readBody, Text } from '../api/body.ts';
import { notYet } from '../api/not-yet.ts';
import { UUID } from '../api/query.ts';
import { answerCommand } from '../commands/answer.ts';
import { CommandService } from '../commands/command.service.ts';
import { ConsoleDatabase } from '../console-database.ts';
import { Names } from '../names.ts';
import { replayProgress } from './progress.ts';
import { MOST_EVENTS, selectEvents } from './select.ts';

const Replays = z.strictObject({
  reason: Text,
  events: z.array(z.string().regex(UUID, 'is no event id').toLowerCase()).min(1).max(MOST_EVENTS).optional(),
  flow: Text.optional(),
  target: Text.optional(),
  status: Text.optional(),
  errorClass: Text.optional(),
  entity: Text.optional(),
  recordId: Text.optional(),
  resend: z.literal('changed').optional(),
  dryRun: z.boolean().optional(),
});

/** Sends events through the mapper once more. Delivery appends them; its intake decides what comes of each. */
@Controller('api/v1/replays')
export class ReplaysController {
  readonly #database: ConsoleDatabase;
  readonly #names: Names;
  readonly #commands: CommandService;

  constructor(database: ConsoleDatabase, names: Names, commands: CommandService) {
    this.#database = database;
    this.#names = names;
    this.#commands = commands;
  }

  @Post()
  @Permission('deliveries.act')
  async replay(@Body() body: Buffer, @Res({ passthrough: true }) reply: FastifyReply): Promise<unknown> {
    const { reason, events, resend, dryRun, ...selection } = readBody(body, Replays);
    const selected = Object.values(selection).some((part) => part !== undefined);
    if (selected === (events !== undefined))
      throw new ProblemError(400, 'CROSSDOCK_API_BAD_BODY', 'give events, or what selects them, and not both');
    const found = events ?? (await selectEvents(this.#database.database, selection, this.#names));
    if (dryRun) {
      void reply.status(200);
      return { dryRun: true, count: found.length, events: found.slice(0, 100) };
    }
    if (found.length === 0) throw new ProblemError(404, 'CROSSDOCK_API_NOT_FOUND', 'no event is selected');
    const target = { events: found, ...(resend === undefined ? {} : { resend }) };
    return answerCommand(await this.#commands.place({ stage: 'delivery', kind: 'replay', target, reason }), reply);
  }

  /** What came of the events so far: `:id` is the command that ordered them. */
  @Get(':id')
  @Permission('deliveries.read')
  async one(@Param('id') id: string): Promise<unknown> {
    const command = await this.#commands.read(id);
    if (command.kind !== 'replay') throw new ProblemError(404, 'CROSSDOCK_API_NOT_FOUND', `there is no replay "${id}"`);
    return { ...command, ...(await replayProgress(this.#database.database, id)) };
  }

  @Delete(':id')
  @Permission('deliveries.act')
  cancel(): never {
    return notYet(
      'cancelling a replay',
      'cancel the deliveries that it changed with POST /api/v1/deliveries/{id}/cancel',
    );
  }
}
