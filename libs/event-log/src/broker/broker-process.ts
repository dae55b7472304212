import { spawn, spawnSync } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { CrossdockError } from '#contracts';

const READY = 'Kafka Server started';
const READY_WITHIN_MS = 90_000;
const KILL_AFTER_MS = 15_000;

/** One broker as a child process. Its pid file lets the next run end it when this one was killed. */
export class BrokerProcess {
  readonly #java: string;
  readonly #args: readonly string[];
  readonly #pidFile: string;
  /** in its command line, and in no other's: its properties file */
  readonly #mark: string;
  #child: ChildProcess | undefined;
  readonly #killWithUs = (): void => void this.#child?.kill('SIGKILL');

  constructor(java: string, args: readonly string[], pidFile: string, mark: string) {
    this.#java = java;
    this.#args = args;
    this.#pidFile = pidFile;
    this.#mark = mark;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** Resolves when the broker says that it is ready. */
  async start(): Promise<void> {
    if (this.#child) return;
    await this.#endLeftOver();
    const child = spawn(this.#java, this.#args, { stdio: ['ignore', 'pipe', 'pipe'] });
    this.#child = child;
    if (child.pid) writeFileSync(this.#pidFile, String(child.pid));
    process.once('exit', this.#killWithUs);
    child.once('exit', () => {
      this.#child = undefined;
      process.off('exit', this.#killWithUs);
      rmSync(this.#pidFile, { force: true });
    });
    await ready(child);
  }

  /** SIGTERM, and SIGKILL if that is not enough. */
  async stop(): Promise<void> {
    const child = this.#child;
    if (!child) return;
    const exited = once(child, 'exit');
    child.kill('SIGTERM');
    const impatient = setTimeout(() => child.kill('SIGKILL'), KILL_AFTER_MS);
    await exited;
    clearTimeout(impatient);
  }

  async kill(): Promise<void> {
    const child = this.#child;
    if (!child) return;
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
  }

  /** Of a killed run; ended only if its command line says that it is really ours. */
  async #endLeftOver(): Promise<void> {
    if (!existsSync(this.#pidFile)) return;
    const pid = Number(readFileSync(this.#pidFile, 'utf8'));
    const ours = (): boolean => {
      const { stdout } = spawnSync('ps', ['-p', String(pid), '-o', 'args='], { encoding: 'utf8' });
      return (stdout ?? '').includes('kafka.Kafka') && stdout.includes(this.#mark);
    };
    if (!Number.isInteger(pid) || pid <= 1 || !ours()) return;
    process.kill(pid, 'SIGKILL');
    for (let left = 200; left > 0 && ours(); left--) await new Promise((resolve) => setTimeout(resolve, 25));
  }
}

function ready(child: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    let said = '';
    const settle = (why?: string, cause?: unknown): void => {
      clearTimeout(late);
      child.off('exit', exited);
      child.stdout?.off('data', hear).resume();
      child.stderr?.off('data', hear).resume();
      if (why === undefined) return resolve();
      child.kill('SIGKILL');
      reject(new CrossdockError('CROSSDOCK_LOG_BROKER', `the Kafka broker ${why}\n${said}`.trimEnd(), { cause }));
    };
    const hear = (bytes: Buffer): void => {
      said = (said + bytes.toString()).slice(-4000);
      if (said.includes(READY)) settle();
    };
    const exited = (code: number | null): void => settle(`ended with code ${code} before it was ready`);
    const late = setTimeout(() => settle(`was not ready within ${READY_WITHIN_MS / 1000} s`), READY_WITHIN_MS);
    child.stdout?.on('data', hear);
    child.stderr?.on('data', hear);
    child.once('exit', exited);
    child.once('error', (cause) => settle('could not be started', cause));
  });
}
