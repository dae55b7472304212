import type { ChildProcess } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { spawnCommand } from '../support/product.ts';
import { addressOf, end } from '../support/stages.ts';

/** A Kafka broker as a process of its own, which can crash under the product and come back at the same address. */
export class Kafka {
  readonly brokers: string;
  readonly #env: { CROSSDOCK_DATA: string };
  #child: ChildProcess;

  private constructor(brokers: string, env: { CROSSDOCK_DATA: string }, child: ChildProcess) {
    this.brokers = brokers;
    this.#env = env;
    this.#child = child;
  }

  static async start(folder: string): Promise<Kafka> {
    const env = { CROSSDOCK_DATA: join(folder, 'kafka') };
    const child = spawnCommand(['run', 'kafka'], env);
    return new Kafka(await addressOf(child, 'KAFKA_BROKERS'), env, child);
  }

  /** kill -9 of the broker. Resolves when it is gone. */
  async crash(): Promise<void> {
    const file = join(this.#env.CROSSDOCK_DATA, 'kafka-alone/broker/node-1.pid');
    try {
      process.kill(Number(readFileSync(file, 'utf8')), 'SIGKILL');
    } catch {
      // it has ended by itself, as one does whose disk is full
    }
    await end(this.#child, 'SIGTERM');
  }

  async comeBack(): Promise<void> {
    this.#child = spawnCommand(['run', 'kafka'], this.#env);
    await addressOf(this.#child, 'KAFKA_BROKERS');
  }

  async stop(): Promise<void> {
    await end(this.#child, 'SIGTERM');
  }
}
