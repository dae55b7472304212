import type { Command } from './io.ts';
import { check } from './check/command.ts';
import { migrateCommand } from './run/migrate.ts';
import { run } from './run/command.ts';

/** Every command, in the order `crossdock help` shows them. */
export const COMMANDS: readonly Command[] = [run, migrateCommand, check];
