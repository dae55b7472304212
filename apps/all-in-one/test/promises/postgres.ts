import { execFileSync, type ChildProcess } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { Database, type Session } from '#db';
import { freePort, processFault } from '#testing';
import { spawnCommand } from '../support/product.ts';
import { addressOf, end } from '../support/stages.ts';

/** PostgreSQL as a process of its own, which can crash under the product and come back at the same address, stand still, or have no room for it. */
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
    process.kill(this.#pid, 'SIGQUIT');
    await end(this.#child, 'SIGTERM');
  }

  async comeBack(): Promise<void> {
    this.#child = spawnCommand(['run', 'postgres'], this.#env);
    await addressOf(this.#child, 'DATABASE_URL');
  }

  /** For so many ms it stands still, each of its processes: what is open stays open, and nothing is answered or refused. */
  async freeze(ms: number): Promise<void> {
    const stopped = [this.#pid];
    processFault.stop(this.#pid); // first: from now on there are no more of them
    try {
      for (const pid of childrenOf(this.#pid)) {
        processFault.stop(pid);
        stopped.push(pid);
      }
      await wait(ms);
    } finally {
      for (const pid of stopped.reverse()) processFault.resume(pid);
    }
  }

  /**
   * For so many ms others have all its connections: who had one has lost it, and gets no other. Resolves with how many they had when
   * they give them back.
   */
  async exhaust(ms: number): Promise<number> {
    const others = await Database.open({ url: this.url, name: 'others', max: 1 });
    const taken: Session[] = [];
    try {
      const first = await others.session();
      for (const until = Date.now() + ms; Date.now() < until; await wait(20)) {
        await first.query(
          "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and application_name <> 'crossdock others'",
        );
        const more = await Promise.allSettled(Array.from({ length: 50 }, () => others.session()));
        for (const each of more) if (each.status === 'fulfilled') taken.push(each.value);
      }
      return taken.length;
    } finally {
      await others.close();
    }
  }

  async stop(): Promise<void> {
    await end(this.#child, 'SIGTERM');
  }

  get #pid(): number {
    const file = join(this.#env.CROSSDOCK_DATA, 'postgres/cluster/postmaster.pid');
    return Number(readFileSync(file, 'utf8').split('\n')[0]);
  }
}

const childrenOf = (parent: number): number[] =>
  execFileSync('ps', ['-A', '-o', 'pid=', '-o', 'ppid='], { encoding: 'utf8' })
    .trim()
    .split('\n')
    .map((line) => line.trim().split(/\s+/).map(Number))
    .flatMap(([pid, ppid]) => (ppid === parent ? [pid!] : []));
