import type { OnApplicationShutdown } from '@nestjs/common';
import { createHash } from 'node:crypto';
import { mkdir, open, readFile, truncate, type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';

/** One thing that really happened in one of the pretend systems. */
export interface Effect {
  /** 1, 2, 3 ... over all systems, in the order in which they took effect */
  n: number;
  /** ISO 8601 */
  at: string;
  system: 'erp' | 'finance';
  document: string;
  operation: 'upsert' | 'create' | 'update' | 'cancel';
  /** the sender's key of the record */
  key: string;
  /** the idempotency key the request came with, empty without one */
  requestKey: string;
  targetId: string;
  /** SHA-256 of the body as it came, so that two sendings of one document show as such */
  hash: string;
}
export type NewEffect = Omit<Effect, 'n' | 'at' | 'hash'> & { body: string };
export type KeptEffect = Effect & { body: string };

/**
 * The witness: an append-only file of everything that took effect, flushed to the disk before the effect is answered or
 * shown. It is kept apart from the state in memory, which is made from it at every start, so that a test can compare
 * what Crossdock believes with what happened whatever was killed in between.
 */
export class Ledger implements OnApplicationShutdown {
  readonly #handle: FileHandle;
  readonly #effects: Effect[] = [];
  #waiting: string[] = [];
  /** the flush that has what is in `#waiting`, or the last one */
  #flush: Promise<void> = Promise.resolve();
  #scheduled = false;

  private constructor(handle: FileHandle) {
    this.#handle = handle;
  }

  /** `restore` gets every effect of earlier runs in order. A last line cut by a crash was never answered and is dropped. */
  static async open(file: string, restore: (effect: KeptEffect) => void): Promise<Ledger> {
    await mkdir(dirname(file), { recursive: true });
    const written = await readFile(file).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return Buffer.alloc(0);
      throw error;
    });
    const whole = written.lastIndexOf(0x0a) + 1;
    if (whole < written.length) await truncate(file, whole);
    const ledger = new Ledger(await open(file, 'a'));
    for (const line of written.subarray(0, whole).toString('utf8').split('\n')) {
      if (line === '') continue;
      const { body, ...effect } = JSON.parse(line) as KeptEffect;
      ledger.#effects.push(effect);
      restore({ ...effect, body });
    }
    return ledger;
  }

  get effects(): readonly Effect[] {
    return this.#effects;
  }

  /** Takes its place in the order at once; `flushed` says when it is safe. */
  append({ body, ...given }: NewEffect): KeptEffect {
    const hash = createHash('sha256').update(body).digest('hex');
    const effect: Effect = { n: this.#effects.length + 1, at: new Date().toISOString(), ...given, hash };
    this.#effects.push(effect);
    const kept = { ...effect, body };
    this.#waiting.push(`${JSON.stringify(kept)}\n`);
    return kept;
  }

  /**
   * Resolves when everything appended so far is on the disk. Whoever comes while a flush runs shares the next one: a
   * hundred effects at once cost two flushes, not a hundred.
   */
  flushed(): Promise<void> {
    if (this.#waiting.length === 0 || this.#scheduled) return this.#flush;
    this.#scheduled = true;
    this.#flush = this.#flush.then(async () => {
      this.#scheduled = false;
      const lines = this.#waiting;
      this.#waiting = [];
      await this.#handle.appendFile(lines.join(''));
      await this.#handle.datasync();
    });
    return this.#flush;
  }

  async onApplicationShutdown(): Promise<void> {
    await this.flushed();
    await this.#handle.close();
  }
}
