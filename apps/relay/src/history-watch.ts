import { isLater, readHistory, vouch, type Database, type Mark } from '#db';
import type { Witness } from './witness.ts';

/** A mark every second; a database that was away is looked at sooner, because nothing is sent before that. */
const EVERY_MS = 1_000;
const AGAIN_MS = 200;

export interface HistoryWatchOptions {
  database: Database;
  witnesses: readonly Witness[];
  everyMs?: number;
  /** one line per surprise */
  surprised(message: string, cause?: unknown): void;
}

/**
 * Watches that the database still is the one it was, from outside of it: this process, its files and, where it is not in
 * the database too, the event log remember how far it had come. A database that is behind, or served by another server or
 * timeline, is doubted: delivery's own statements then send nothing (`may_send`), wherever they run.
 *
 *     trusted ──older than a mark outside, restored, promoted──> doubted ──report, accept (a person)──> trusted
 */
export class HistoryWatch {
  /** as of the last look; undefined before the first */
  doubted: boolean | undefined;
  readonly #options: HistoryWatchOptions;
  /** what of which witness fails and was told */
  readonly #mute = { newest: new Set<Witness>(), write: new Set<Witness>() };
  #seen: Mark | undefined;
  #timer: NodeJS.Timeout | undefined;
  #round: Promise<void> = Promise.resolve();
  #stopped = false;

  constructor(options: HistoryWatchOptions) {
    this.#options = options;
  }

  /** Resolves after the first look; throws when that cannot be made. */
  async start(): Promise<void> {
    await this.look();
    this.#again(this.#options.everyMs ?? EVERY_MS);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    await this.#round;
  }

  /** What is outside is read before the database: the database may only be ahead of it. */
  async look(): Promise<void> {
    const { database, witnesses, surprised } = this.#options;
    const { id } = await readHistory(database);
    for (const witness of witnesses) {
      const newest = await this.#ask(witness, 'newest', () => witness.newest(id));
      if (newest && (this.#seen === undefined || supersedes(newest, this.#seen))) this.#seen = newest;
    }
    const marked = await vouch(database, this.#seen);
    if (marked) this.#seen = marked;
    const now = await readHistory(database);
    const doubted = now.state === 'doubted';
    if (doubted && !this.doubted)
      surprised(`${now.reason}; nothing is sent until somebody has looked: crossdock restore report`);
    if (!doubted && this.doubted) surprised('the database was accepted after its restore; sending goes on');
    this.doubted = doubted;
    if (marked) for (const witness of witnesses) await this.#ask(witness, 'write', () => witness.write(marked));
  }

  /** A witness that fails is said once and left out until it works again. */
  async #ask<T>(witness: Witness, what: keyof Witness, work: () => Promise<T>): Promise<T | undefined> {
    try {
      const answer = await work();
      this.#mute[what].delete(witness);
      return answer;
    } catch (error) {
      if (!this.#mute[what].has(witness)) this.#options.surprised('a witness of the database cannot be used', error);
      this.#mute[what].add(witness);
      return undefined;
    }
  }

  #again(ms: number): void {
    this.#timer = setTimeout(() => {
      this.#round = this.look().then(
        () => this.#next(this.#options.everyMs ?? EVERY_MS),
        () => this.#next(AGAIN_MS), // the database is away: the relay says so
      );
    }, ms);
  }

  #next(ms: number): void {
    if (!this.#stopped) this.#again(ms);
  }
}

/** A later mark, or one of another database that nobody has settled since. */
function supersedes(one: Mark, other: Mark): boolean {
  return one.id === other.id ? isLater(one, other) : one.generation >= other.generation;
}
