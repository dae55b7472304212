import { recordBytes } from '../refuse.ts';
import type { PlacedRecord } from './append.ts';

const MAX_RECORDS = 2_000;
const MAX_BYTES = 8 * 1024 * 1024;

interface Waiting {
  records: readonly PlacedRecord[];
  resolve(): void;
  reject(cause: unknown): void;
}

/**
 * One transaction at a time per process; calls that come meanwhile share the next one. Keeps the order of the calls
 * (two connections could lock the partition the other way round) and makes a commit, an fsync, cheap per record. What was
 * given before a failure was known fails with it: it must not overtake what its caller now appends again.
 */
export class Writer {
  readonly #append: (records: readonly PlacedRecord[]) => Promise<void>;
  readonly #afterCommit: (records: readonly PlacedRecord[]) => void;
  #waiting: Waiting[] = [];
  #running: Promise<void> | undefined;

  constructor(
    append: (records: readonly PlacedRecord[]) => Promise<void>,
    afterCommit: (records: readonly PlacedRecord[]) => void,
  ) {
    this.#append = append;
    this.#afterCommit = afterCommit;
  }

  write(records: readonly PlacedRecord[]): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ records, resolve, reject });
      this.#running ??= this.#run();
    });
  }

  /** Resolves when nothing is under way. */
  async idle(): Promise<void> {
    while (this.#running) await this.#running;
  }

  async #run(): Promise<void> {
    while (this.#waiting.length > 0) {
      const taken = this.#take();
      try {
        const records = taken.flatMap((call) => call.records);
        await this.#append(records);
        for (const call of taken) call.resolve();
        this.#afterCommit(records);
      } catch (cause) {
        for (const call of [...taken, ...this.#waiting.splice(0)]) call.reject(cause);
      }
    }
    this.#running = undefined;
  }

  /** At least one call, and as many whole calls as fit. */
  #take(): Waiting[] {
    let records = 0;
    let bytes = 0;
    let calls = 0;
    for (const call of this.#waiting) {
      records += call.records.length;
      for (const record of call.records) bytes += recordBytes(record);
      if (calls > 0 && (records > MAX_RECORDS || bytes > MAX_BYTES)) break;
      calls++;
    }
    return this.#waiting.splice(0, calls);
  }
}
