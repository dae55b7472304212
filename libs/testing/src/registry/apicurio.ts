import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { eventually } from '../event-log/eventually.ts';
import { freePort } from '../free-port.ts';
import { apicurioJar } from './apicurio-files.ts';

export interface Apicurio {
  /** of Confluent's REST API, for `SCHEMA_REGISTRY_URL` */
  url: string;
  /** SIGKILL */
  kill(): Promise<void>;
  /** on the same port and data */
  start(): Promise<void>;
  stop(): Promise<void>;
}

export interface ApicurioOptions {
  /** its data and temporary files */
  dir: string;
  /** where its jars are kept; default `.crossdock/apicurio` of the checkout */
  cache?: string;
}

const READY_WITHIN_MS = 45_000;
const JVM = ['-Xmx256m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1'];

/**
 * A real schema registry on 127.0.0.1, for tests: needs Java 17 and Maven. Ids and schemas survive a kill. Set to BACKWARD as
 * Confluent's is from the start; Apicurio's own level is NONE, which takes anything.
 */
export async function startApicurio({ dir, cache }: ApicurioOptions): Promise<Apicurio> {
  const jar = await apicurioJar(cache ?? join(process.cwd(), '.crossdock', 'apicurio'));
  const port = await freePort();
  const url = `http://127.0.0.1:${port}/apis/ccompat/v7`;
  const temporary = join(dir, 'tmp');
  mkdirSync(temporary, { recursive: true });
  const listen = ['-Dquarkus.http.host=127.0.0.1', `-Dquarkus.http.port=${port}`, `-Djava.io.tmpdir=${temporary}`];
  const env = { ...process.env, REGISTRY_DATASOURCE_URL: `jdbc:h2:file:${join(dir, 'registry')};WRITE_DELAY=0` };
  let child: ChildProcess | undefined;
  const end = async (signal: 'SIGTERM' | 'SIGKILL'): Promise<void> => {
    const ending = child;
    child = undefined;
    if (!ending || ending.exitCode !== null || ending.signalCode !== null) return;
    const ended = once(ending, 'exit');
    ending.kill(signal);
    await ended;
  };
  process.once('exit', () => void child?.kill('SIGKILL'));
  const start = async (): Promise<void> => {
    if (child && child.exitCode === null && child.signalCode === null) return;
    const started = spawn('java', [...JVM, ...listen, '-jar', jar], { env, stdio: ['ignore', 'pipe', 'pipe'] });
    child = started;
    let said = '';
    const hear = (bytes: Buffer): void => void (said = (said + bytes.toString()).slice(-3000));
    started.stdout.on('data', hear);
    started.stderr.on('data', hear);
    started.once('error', (error) => (said += error.message));
    const answers = async (): Promise<boolean> => {
      if (started.exitCode !== null || started.pid === undefined) throw new Error(`the registry ended: ${said}`);
      return fetch(`${url}/subjects`).then(
        ({ ok }) => ok,
        () => false,
      );
    };
    await eventually(answers, () => `a registry that answers; it said: ${said}`, READY_WITHIN_MS).catch(
      async (error: unknown) => {
        await end('SIGKILL');
        throw error;
      },
    );
  };
  await start();
  const headers = { 'content-type': 'application/json' };
  await fetch(`${url}/config`, { method: 'PUT', headers, body: '{"compatibility":"BACKWARD"}' });
  return { url, start, kill: () => end('SIGKILL'), stop: () => end('SIGTERM') };
}
