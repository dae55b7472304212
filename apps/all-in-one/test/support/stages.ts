import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { freePort } from '#testing';
import { collect, ready, spawnCommand, until } from './product.ts';

/** One stage as a process of its own. */
export interface StageProcess {
  name: string;
  url: string;
  metrics: string;
  output(): string;
  kill(): Promise<void>;
  stop(): Promise<number | null>;
}

export async function startStage(
  name: string,
  env: Readonly<Record<string, string | undefined>>,
): Promise<StageProcess> {
  const [port, metricsPort] = [await freePort(), await freePort()];
  const child = spawnCommand(['run', name], {
    ...env,
    CROSSDOCK_PORT: String(port),
    CROSSDOCK_METRICS_PORT: String(metricsPort),
  });
  const output = collect(child);
  await until(
    async () => {
      if (child.exitCode !== null) throw new Error(`${name} ended with ${child.exitCode}: ${output()}`);
      return (await fetch(`http://127.0.0.1:${metricsPort}/readyz`)).status;
    },
    (code) => code === 200,
    { within: 90_000, what: `${name} is ready` },
  );
  return {
    name,
    url: `http://127.0.0.1:${port}`,
    metrics: `http://127.0.0.1:${metricsPort}`,
    output,
    kill: () => end(child, 'SIGKILL').then(() => {}),
    stop: () => end(child, 'SIGTERM'),
  };
}

export async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<number | null> {
  if (child.exitCode === null && child.signalCode === null) {
    const ended = once(child, 'exit');
    child.kill(signal);
    await ended;
  }
  return child.exitCode;
}

/** What `crossdock run postgres` and `run kafka` print when they are ready. */
export async function addressOf(child: ChildProcess, name: string): Promise<string> {
  const output = collect(child);
  const line = new RegExp(`^${name}=(.+)$`, 'm');
  await ready(child, output, line);
  return line.exec(output())![1]!;
}
