import { Controller, Get, Param } from '@nestjs/common';
import { Permission } from '#platform';
import { CommandService, type CommandState } from './command.service.ts';

@Controller('api/v1/commands')
export class CommandsController {
  readonly #commands: CommandService;

  constructor(commands: CommandService) {
    this.#commands = commands;
  }

  /** What became of an order that was answered with 202. */
  @Get(':id')
  @Permission('deliveries.read')
  one(@Param('id') id: string): Promise<CommandState> {
    return this.#commands.read(id);
  }
}
