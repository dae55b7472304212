import { CrossdockError } from '#contracts';
import type { Database, Session, Transaction } from '#db';
import type { Logger } from '#platform';
import {
  END_EARLIER,
  FIND_DEAD,
  FORGET_INSTANCES,
  LOCK_INSTANCE,
  REGISTER_INSTANCE,
  STAY_DEAD,
} from '../sql/instance.ts';

export interface InstanceOptions {
  database: Database;
  /** this process, unique in time and space */
  holder: string;
  /** after this without renewal everything of a process is free anyway, ms */
  leaseMs: number;
  log: Logger;
  /** takes away what dead processes held, in the transaction that forgets them; they cannot come back before it ends */
  bury(tx: Transaction, holders: readonly string[]): Promise<void>;
  /** after a burial: what they held can be had */
  freed(): void;
}

/** How often the living look for the dead, ms. */
const EVERY_MS = 400;
const RETRY_MS = 250;
/** How long after a start of PostgreSQL, which ended every session, the living have for taking their locks anew, ms. */
const RESTART_MS = 5_000;

/**
 * Says that this process lives, and notices which others do not.
 *
 * A session lock ends with its process: the kernel closes the socket of what was killed, and PostgreSQL lets go of its locks
 * within milliseconds. So nobody waits for the lease of a process that is gone. A frozen one (SIGSTOP) keeps its socket and
 * its lock: for it, and for a machine that vanished from the network, the lease decides as before.
 *
 * A process that lost its session though it lives takes nothing new until it has the lock again (`alive`); a lock counts as
 * gone when it was missing twice, so that a moment without one buries nobody.
 */
export class Instance {
  readonly #options: InstanceOptions;
  #session: Session | undefined;
  #missing = new Set<string>();
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;
  #looking: Promise<void> | undefined;

  constructor(options: InstanceOptions) {
    this.#options = options;
  }

  /** Nobody takes us for dead. */
  get alive(): boolean {
    return this.#session !== undefined;
  }

  /** Must have resolved before anything is claimed. */
  async start(): Promise<void> {
    await this.#enter();
    this.#next(EVERY_MS);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    await this.#looking;
    const session = this.#session;
    this.#session = undefined;
    await session?.query(FORGET_INSTANCES, [[this.#options.holder]]).catch(() => {});
    await session?.close();
  }

  async #enter(): Promise<void> {
    const session = await this.#options.database.session();
    try {
      await session.query(END_EARLIER, [this.#options.holder]);
      await session.query(LOCK_INSTANCE, [this.#options.holder]);
      await session.query(REGISTER_INSTANCE, [this.#options.holder]);
    } catch (cause) {
      await session.close();
      throw cause;
    }
    this.#missing = new Set();
    this.#session = session;
    void session.lost.then(() => {
      if (this.#session === session) this.#session = undefined;
    });
  }

  #next(ms: number): void {
    if (this.#stopped) return;
    this.#timer = setTimeout(() => {
      this.#looking = this.#look().then((again) => this.#next(again));
    }, ms);
  }

  async #look(): Promise<number> {
    const { holder, leaseMs, log } = this.#options;
    const session = this.#session;
    try {
      if (session === undefined) {
        await this.#enter();
        log.warn('the session of this delivery process with PostgreSQL was lost, and is there again');
        return EVERY_MS;
      }
      const asked = session.query<{ holder: string }>(FIND_DEAD, [holder, Math.min(leaseMs, RESTART_MS)]);
      const dead = await asked.catch((cause: unknown) => this.#leave(session, cause));
      const missing = new Set(dead.map((row) => row.holder));
      const gone = [...missing].filter((name) => this.#missing.has(name));
      this.#missing = missing;
      if (gone.length > 0) await this.#bury(gone);
      return EVERY_MS;
    } catch (cause) {
      if (session !== undefined) log.warn({ err: cause }, 'looking for delivery processes that died failed');
      return RETRY_MS;
    }
  }

  /** One whose host is gone without a word never ends by itself, and its lock may have ended there: a new one says that we live. */
  async #leave(session: Session, cause: unknown): Promise<never> {
    if (cause instanceof CrossdockError && cause.retryable) {
      if (this.#session === session) this.#session = undefined;
      await session.close();
    }
    throw cause;
  }

  async #bury(holders: readonly string[]): Promise<void> {
    const { database, bury, freed, log } = this.#options;
    const buried = await database.transaction(async (tx) => {
      const dead = await tx.query<{ holder: string }>(STAY_DEAD, [holders]);
      const names = dead.map((row) => row.holder);
      if (names.length === 0) return names;
      await bury(tx, names);
      await tx.query(FORGET_INSTANCES, [names]);
      return names;
    });
    if (buried.length === 0) return;
    log.warn({ holders: buried }, 'a delivery process died: what it held is free');
    freed();
  }
}
