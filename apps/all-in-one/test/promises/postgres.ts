import type { ChildProcess } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from '#testing';
import { spawnCommand } from '../support/product.ts';
import { addressOf, end } from '../support/stages.ts';

/** PostgreSQL as a process of its own, which can crash under the product and come back at the same address. */
export class Postgres {
  readonly url: string;
  readonly #env: { CROSSDOCK_DATA: string; CROSSDOCK_POSTGRES_PORT: string };
  #child: ChildProcess;

  private constructor(
    url: string,
    env: { CROSSDOCK_DATA: string; CROSSDOCK_POSTGRES_PORT: string },
    child: ChildProcess,
  ) {
    this.url = url;
    this.#env = env;
    this.#child = child;
  }

  static async start(folder: string): Promise<Postgres> {
    const env = {
      CROSSDOCK_DATA: join(folder, 'database'),
      CROSSDOCK_POSTGRES_PORT: String(await freePort()),
    };
    const child = spawnCommand(['run', 'postgres'], env);
    return new Postgres(await addressOf(child, 'DATABASE_URL'), env, child);
  }

  /** As a power cut would: nothing is put in order, recovery at the next start. Resolves when it is gone. */
  async crash(): Promise<void> {
    const file = join(this.#env.CROSSDOCK_DATA, 'postgres/cluster/postmaster.pid');
    process.kill(Number(readFileSync(file, 'utf8').split('\n')[0]), 'SIGQUIT');
    await end(this.#child, 'SIGTERM');
  }

  async comeBack(): Promise<void> {
    this.#child = spawnCommand(['run', 'postgres'], this.#env);
    await addressOf(this.#child, 'DATABASE_URL');
  }

  async stop(): Promise<void> {
    await end(this.#child, 'SIGTERM');
  }
}
