import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { CrossdockError } from '#contracts';
import type { Environment } from '#platform';

/**
 * The sandbox runs as a process of its own, so that it is as far away as a real ERP: it fails and lives on its own. It ends
 * when we end, however we end, because its IPC channel closes. Detached from our terminal: Ctrl-C reaches us first.
 *
 * One that could not start has said why, and the answer is its exit code.
 */
export async function startSandbox(
  environment: Environment,
  databaseUrl: string,
): Promise<{ stop(): Promise<void> } | number> {
  const child = spawn(process.execPath, [process.argv[1]!, 'run', 'sandbox'], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    detached: true,
    env: {
      ...inherited(environment),
      DATABASE_URL: databaseUrl,
      CROSSDOCK_HOME: environment.ownHome ? environment.home : undefined,
      CROSSDOCK_DATA: environment.data,
      CROSSDOCK_SANDBOX_PORT: String(environment.sandboxPort),
      CROSSDOCK_METRICS_PORT: '0',
      CROSSDOCK_LOG_LEVEL: environment.logLevel,
    },
  });
  const failed = await ready(child);
  if (failed !== undefined) return failed;
  child.on('exit', (code, signal) => {
    if (child.connected || code) process.stderr.write(`crossdock: the sandbox ended (${signal ?? code})\n`);
  });
  return {
    stop: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const ended = once(child, 'exit');
      child.disconnect();
      const late = setTimeout(() => child.kill('SIGKILL'), 10_000);
      await ended;
      clearTimeout(late);
    },
  };
}

/** Only what a program needs to start: the rest of our environment is none of the sandbox's business. */
function inherited(environment: Environment): Record<string, string | undefined> {
  return Object.fromEntries(['PATH', 'HOME', 'TZ', 'LANG'].map((name) => [name, environment.variable(name)]));
}

async function ready(child: ChildProcess): Promise<number | undefined> {
  const ended = once(child, 'exit') as Promise<[number | null, NodeJS.Signals | null]>;
  const outcome = await Promise.race([once(child, 'message').then(() => undefined), ended]);
  if (outcome === undefined) return undefined;
  const [code, signal] = outcome;
  if (code) return code;
  throw new CrossdockError('CROSSDOCK_START_SANDBOX', `the sandbox ended before it was ready (${signal ?? code})`);
}
