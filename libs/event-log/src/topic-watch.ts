import { PROCEDURE } from './drift.ts';
import type { TopicAsIs } from './drift.ts';

export interface TopicWatchOptions {
  /** the topics this process uses; sizes are kept up to date, the number of partitions never changes here */
  known: Map<string, TopicAsIs>;
  read(names: readonly string[]): Promise<ReadonlyMap<string, TopicAsIs>>;
  /** called once for each new number */
  changed(topic: string, message: string): void;
  everyMs: number;
}

/**
 * Notices while the process runs that somebody has changed the number of a topic's partitions. A key's partition follows
 * from that number, so this process goes on with the one it knows, and its keys stay in order; one that starts refuses.
 * A log that cannot be asked is asked again.
 */
export class TopicWatch {
  readonly #options: TopicWatchOptions;
  readonly #told = new Map<string, number>();
  #timer: NodeJS.Timeout | undefined;
  #looking: Promise<void> | undefined;

  constructor(options: TopicWatchOptions) {
    this.#options = options;
  }

  /** From the first topic on; calling again does nothing. */
  start(): void {
    this.#timer ??= setInterval(() => {
      this.#looking ??= this.#look()
        .catch(() => {})
        .finally(() => (this.#looking = undefined));
    }, this.#options.everyMs).unref();
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#looking;
  }

  async #look(): Promise<void> {
    const { known, read, changed } = this.#options;
    for (const [name, now] of await read([...known.keys()])) {
      const { partitions } = known.get(name)!;
      known.set(name, { ...now, partitions });
      if (now.partitions === partitions) this.#told.delete(name);
      else if (now.partitions > 0 && this.#told.get(name) !== now.partitions) {
        this.#told.set(name, now.partitions);
        changed(
          name,
          `${name} has ${now.partitions} partitions now, declared are ${partitions}: running processes go on with ${partitions}, ` +
            `none will start until that is mended; ${PROCEDURE}`,
        );
      }
    }
  }
}
