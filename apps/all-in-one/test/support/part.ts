import type { ChildProcess } from 'node:child_process';
import { setTimeout as wait } from 'node:timers/promises';
import { processFault, freePort } from '#testing';
import { collect, spawnCommand } from './product.ts';
import { end } from './stages.ts';

/** Longest wait for a process to become ready, ms; one that ends meanwhile is started again, as a supervisor would. */
const READY_MS = 90_000;

/**
 * One process of the product, `all-in-one` or a single stage, on ports that it keeps: it can be killed, frozen and
 * started again on the same data, with other variables each time.
 */
export class Part {
  readonly name: string;
  readonly port: number;
  readonly metricsPort: number;
  readonly #env: Readonly<Record<string, string | undefined>>;
  #child: ChildProcess | undefined;
  #output: () => string = () => '';
  /** how it ended although nobody asked it to */
  #surprise: string | undefined;
  /** it was ready, and nobody has asked it to end */
  #running = false;

  private constructor(name: string, env: Readonly<Record<string, string | undefined>>, ports: [number, number]) {
    this.name = name;
    this.#env = env;
    [this.port, this.metricsPort] = ports;
  }

  static async start(name: string, env: Readonly<Record<string, string | undefined>>): Promise<Part> {
    const part = new Part(name, env, [await freePort(), await freePort()]);
    await part.start();
    return part;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** What it last printed where it ended unasked; undefined: it runs, or was ended by us. */
  get surprise(): string | undefined {
    return this.#surprise;
  }

  /** Starts, also again, and resolves when it is ready. */
  async start(more: Readonly<Record<string, string | undefined>> = {}): Promise<void> {
    const deadline = Date.now() + READY_MS;
    this.#spawn(more);
    while (!(await this.#ready())) {
      if (Date.now() > deadline) throw new Error(`${this.name} did not become ready: ${this.#output()}`);
      if (this.#gone()) this.#spawn(more);
      await wait(25);
    }
    this.#running = true;
  }

  /** Starts and does not wait: it may be meant to die before it is ready. */
  startToDie(more: Readonly<Record<string, string | undefined>>): void {
    this.#spawn(more);
  }

  get pid(): number {
    return this.#child!.pid!;
  }

  /** Whether it has ended by a kill. */
  get killed(): boolean {
    return this.#child!.signalCode === 'SIGKILL';
  }

  get ended(): boolean {
    return this.#gone();
  }

  get output(): string {
    return this.#output();
  }

  async kill(): Promise<void> {
    this.#running = false;
    await processFault.kill(this.#child!);
  }

  async freeze(ms: number): Promise<void> {
    if (this.#gone()) return;
    const child = this.#child!;
    processFault.stop(child.pid!);
    await wait(ms);
    if (child.exitCode === null && child.signalCode === null) processFault.resume(child.pid!);
  }

  async stop(): Promise<number | null> {
    this.#running = false;
    return end(this.#child!, 'SIGTERM');
  }

  #spawn(more: Readonly<Record<string, string | undefined>>): void {
    this.#running = false;
    const child = spawnCommand(['run', this.name], {
      ...this.#env,
      CROSSDOCK_PORT: String(this.port),
      CROSSDOCK_METRICS_PORT: String(this.metricsPort),
      ...more,
    });
    this.#child = child;
    this.#output = collect(child);
    child.once('exit', (code, signal) => {
      if (child === this.#child && this.#running)
        this.#surprise = `${this.name} ended by itself (${code ?? signal}): ${this.#output().slice(-2_000)}`;
    });
  }

  async #ready(): Promise<boolean> {
    if (this.#gone()) return false;
    const answer = await fetch(`http://127.0.0.1:${this.metricsPort}/readyz`).catch(() => undefined);
    return answer?.status === 200;
  }

  #gone(): boolean {
    return this.#child!.exitCode !== null || this.#child!.signalCode !== null;
  }
}
