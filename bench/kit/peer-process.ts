import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';

export interface PeerCommand {
  name: string;
  program: string;
  args: readonly string[];
  cwd?: string;
  env?: Readonly<Record<string, string>>;
}

const PATIENCE_MS = 150_000;

/** A peer (or a stage of ours) as a process of its own; what it says is kept for the error that may come. */
export class PeerProcess {
  readonly name: string;
  readonly #child: ChildProcess;
  #said = '';
  #failed: Error | undefined;

  constructor({ name, program, args, cwd, env }: PeerCommand) {
    this.name = name;
    this.#child = spawn(program, args, { cwd, env: { ...clean(), ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
    const hear = (bytes: Buffer): void => void (this.#said = (this.#said + bytes.toString()).slice(-20_000));
    this.#child.stdout!.on('data', hear);
    this.#child.stderr!.on('data', hear);
    this.#child.once('error', (error) => (this.#failed = error));
    this.#child.once('exit', (code, signal) => (this.#failed ??= new Error(`ended with ${code ?? signal}`)));
    const kill = (): void => void this.#child.kill('SIGKILL');
    process.once('exit', kill);
    this.#child.once('exit', () => process.off('exit', kill));
  }

  get said(): string {
    return this.#said;
  }

  /** Waits until `look` gives something; throws when the process ends before, or after two and a half minutes. */
  async until<T>(what: string, look: () => Promise<T | undefined> | T | undefined, everyMs = 20): Promise<T> {
    const late = Date.now() + PATIENCE_MS;
    for (;;) {
      const found = await look();
      if (found !== undefined) return found;
      if (this.#failed || Date.now() > late)
        throw new Error(
          `${this.name}: waiting until ${what}: ${this.#failed?.message ?? 'it took too long'}\n${this.#said}`,
        );
      await new Promise((resolve) => setTimeout(resolve, everyMs));
    }
  }

  saying(text: string): Promise<true> {
    return this.until(`it says "${text}"`, () => this.#said.includes(text) || undefined);
  }

  /** Most memory it has held, MiB; where the system tells. */
  peakMiB(): number {
    try {
      const status = readFileSync(`/proc/${this.#child.pid}/status`, 'utf8');
      return Number(/VmHWM:\s+(\d+)/.exec(status)?.[1] ?? Number.NaN) / 1024;
    } catch {
      return Number.NaN;
    }
  }

  /** CPU it has used since its start, s; where the system tells. */
  cpuSeconds(): number {
    try {
      const fields = readFileSync(`/proc/${this.#child.pid}/stat`, 'utf8').split(') ')[1]!.split(' ');
      return (Number(fields[11]) + Number(fields[12])) / 100;
    } catch {
      return Number.NaN;
    }
  }

  /** Stands still from now on, or goes on; one that has ended is left alone. */
  pause(still: boolean): void {
    this.#child.kill(still ? 'SIGSTOP' : 'SIGCONT');
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null || this.#child.pid === undefined) return;
    const exited = once(this.#child, 'exit');
    this.#child.kill('SIGTERM');
    this.#child.kill('SIGCONT'); // one that stands still would not hear it
    const impatient = setTimeout(() => this.#child.kill('SIGKILL'), 10_000);
    await exited;
    clearTimeout(impatient);
  }
}

/** The surroundings without our own settings, which would steer a stage of ours. */
function clean(): Record<string, string | undefined> {
  return Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^(CROSSDOCK_|KAFKA_|DATABASE_URL|SCHEMA_REGISTRY_URL)/.test(name)),
  );
}
