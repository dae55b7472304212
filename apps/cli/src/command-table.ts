import { check } from './check/command.ts';
import { API_COMMANDS } from './commands/index.ts';
import { generate } from './generate/command.ts';
import type { Command } from './io.ts';
import { mapping } from './mapping/command.ts';
import { relay } from './relay/command.ts';
import { restore } from './restore/command.ts';
import { run } from './run/command.ts';
import { migrateCommand } from './run/migrate.ts';

/** Every command, in the order `crossdock help` shows them. */
export const COMMANDS: readonly Command[] = [
  run,
  migrateCommand,
  relay,
  restore,
  check,
  mapping,
  ...API_COMMANDS,
  generate,
];
