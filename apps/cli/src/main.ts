import { ConfigurationError, CrossdockError, formatFinding } from '#contracts';
import { COMMANDS } from './command-table.ts';
import { EXIT, PROCESS_IO, type Io } from './io.ts';

// exit at once: a start that failed half-way leaves pools and timers that would keep the process alive
process.exit(await runCommand(process.argv.slice(2), PROCESS_IO));

/** What the person did wrong is said in one line each, with exit code 2; only faults of ours show a stack. */
async function runCommand(args: readonly string[], io: Io): Promise<number> {
  const [name = 'help', ...rest] = args;
  if (name === 'help' || name === '--help' || name === '-h') return help(io);
  const command = COMMANDS.find((known) => known.name === name);
  if (command === undefined) {
    io.err(`crossdock: there is no command "${name}"; "crossdock help" lists them`);
    return EXIT.usage;
  }
  try {
    return await command.run(rest, io);
  } catch (error) {
    if (error instanceof ConfigurationError) {
      for (const finding of error.findings) io.err(formatFinding(finding));
      return EXIT.usage;
    }
    if (error instanceof CrossdockError) {
      io.err(`crossdock: ${error.message}`);
      return /^CROSSDOCK_(START|POSTGRES|LOG|CLI)_/.test(error.code) ? EXIT.usage : EXIT.failed;
    }
    io.err(`crossdock: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
    return EXIT.failed;
  }
}

function help(io: Io): number {
  io.out('crossdock <command>\n');
  for (const command of COMMANDS) io.out(`  ${`${command.name} ${command.usage}`.padEnd(44)} ${command.summary}`);
  return EXIT.ok;
}
