import { Body, Controller, Delete, Get, Param, Post, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import type { Transaction } from '#db';
import { Permission, ProblemError } from '#platform';
import { readBody, Text } from '../api/body.ts';
import { UUID } from '../api/query.ts';
import { answerCommand } from '../commands/answer.ts';
import { CommandService, type CommandState } from '../commands/command.service.ts';
import { ConsoleDatabase } from '../console-database.ts';
import { readDeliveryFilter } from '../deliveries/filter.ts';
import { Names } from '../names.ts';
import { replayProgress } from './progress.ts';
import { countSelected, keepNamed, keepSelected, type Selection } from './select.ts';

/** Ids that are named one by one; a selection has no such limit. */
const MOST_NAMED = 5_000;
/** Events a second: as delivery takes them. */
const MOST_RATE = 1_000;

const Replays = z.strictObject({
  reason: Text,
  events: z.array(z.string().regex(UUID, 'is no event id').toLowerCase()).min(1).max(MOST_NAMED).optional(),
  flow: Text.optional(),
  target: Text.optional(),
  status: Text.optional(),
  errorClass: Text.optional(),
  entity: Text.optional(),
  recordId: Text.optional(),
  deadLetters: z.literal(true).optional(),
  resend: z.literal('changed').optional(),
  rate: z.number().int().min(1).max(MOST_RATE).optional(),
  dryRun: z.boolean().optional(),
});
const Reason = z.strictObject({ reason: Text.default('not given') });

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
    const { reason, events, resend, rate, dryRun, ...selection } = readBody(body, Replays);
    const selects = Object.values(selection).some((part) => part !== undefined);
    if (selects === (events !== undefined))
      throw new ProblemError(400, 'CROSSDOCK_API_BAD_BODY', 'give events, or what selects them, and not both');
    const chosen = this.#selection(selection);
    if (dryRun) {
      void reply.status(200);
      const found = events
        ? { count: events.length, events: events.slice(0, 100) }
        : await countSelected(this.#database.database, chosen);
      return { dryRun: true, ...found };
    }
    const keep = async (tx: Transaction, id: string): Promise<void> => {
      if (events !== undefined) return keepNamed(tx, id, events);
      if ((await keepSelected(tx, id, chosen)) === 0)
        throw new ProblemError(404, 'CROSSDOCK_API_NOT_FOUND', 'no event is selected');
    };
    const target = events === undefined ? { ...selection, resend, rate } : { resend, rate };
    return answerCommand(
      await this.#commands.place({ stage: 'delivery', kind: 'replay', target, reason }, keep),
      reply,
    );
  }

  /** What came of the events so far: `:id` is the command that ordered them. */
  @Get(':id')
  @Permission('deliveries.read')
  async one(@Param('id') id: string): Promise<unknown> {
    return { ...(await this.#replay(id)), ...(await replayProgress(this.#database.database, id)) };
  }

  /** What it has sent through by then goes its way. */
  @Delete(':id')
  @Permission('deliveries.act')
  async cancel(
    @Param('id') id: string,
    @Body() body: Buffer | undefined,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<unknown> {
    const { reason } = readBody(body, Reason);
    const { commandId: replayId } = await this.#replay(id);
    const order = { stage: 'delivery', kind: 'cancel-replay', target: { replayId }, reason } as const;
    return answerCommand(await this.#commands.place(order), reply);
  }

  #selection({
    deadLetters,
    ...selection
  }: Omit<z.infer<typeof Replays>, 'reason' | 'events' | 'resend' | 'rate' | 'dryRun'>): Selection {
    const filter = readDeliveryFilter(selection, this.#names);
    if (!deadLetters) return { of: 'deliveries', filter };
    const { flow, entity, ...others } = selection;
    if (Object.values(others).some((part) => part !== undefined))
      throw new ProblemError(400, 'CROSSDOCK_API_BAD_BODY', 'dead letters are selected by flow and entity alone');
    const read = flow === undefined ? undefined : this.#names.configuration.flows.get(flow);
    return { of: 'dead-letters', filter: { flow: read, entity } };
  }

  async #replay(id: string): Promise<CommandState> {
    const command = await this.#commands.read(id);
    if (command.kind !== 'replay') throw new ProblemError(404, 'CROSSDOCK_API_NOT_FOUND', `there is no replay "${id}"`);
    return command;
  }
}
