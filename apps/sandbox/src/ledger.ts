import type { OnApplicationShutdown } from '@nestjs/common';
import { createHash } from 'node:crypto';
import { mkdir, open, readFile, type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';

/** One thing that really happened in one of the pretend systems. */
export interface Effect {
  /** 1, 2, 3 ... over all systems, in the order in which they took effect */
  n: number;
  /** ISO 8601 */
  at: string;
  system: 'erp' | 'finance';
  document: string;
  operation: 'upsert' | 'create' | 'update' | 'cancel' | 'reverse';
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
  readonly #file: string;
  readonly #handle: FileHandle;
  readonly #effects: Effect[] = [];
  #waiting: string[] = [];
  /** the flush that has what is in `#waiting`, or the last one */
  #flush: Promise<void> = Promise.resolve();
  #scheduled = false;

  private constructor(file: string, handle: FileHandle) {
    this.#file = file;
    this.#handle = handle;
  }

  /** `restore` gets every effect of earlier runs in order. A last line cut by a crash was never answered and is dropped. */
  static async open(file: string, restore: (effect: KeptEffect) => void): Promise<Ledger> {
    await mkdir(dirname(file), { recursive: true });
    const handle = await open(file, 'a+');
    const written = await handle.readFile();
    const whole = written.lastIndexOf(0x0a) + 1;
    if (whole < written.length) await handle.truncate(whole);
    const ledger = new Ledger(file, handle);
    for (const kept of parse(written.subarray(0, whole))) {
      const { body: _, ...effect } = kept;
      ledger.#effects.push(effect);
      restore(kept);
    }
    return ledger;
  }

  /** Everything with its bodies, from the disk: they are not kept in memory. */
  async read(): Promise<KeptEffect[]> {
    await this.flushed();
    return parse(await readFile(this.#file));
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

const parse = (lines: Buffer): KeptEffect[] =>
  lines
    .toString('utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as KeptEffect);
