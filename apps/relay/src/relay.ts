import type { EventLog } from '#contracts';
import type { Copyable, Database, Session } from '#db';
import { beat, checkSequence, claimLeadership, DOORBELL, joinRelays, unseatFrozen, type Cursor } from '#outbox';
import { executeCommands } from './commands.ts';
import { Deposed, lead, pause } from './leader.ts';
import { Pace } from './pace.ts';
import { patient } from './patient.ts';
import { Refills } from './refill.ts';

/** How often a stand-by tries to lead, and for how long a leader may be silent before it is unseated, ms. */
const STAND_BY = { everyMs: 200, frozenMs: 10_000 };
/** Longest a statement may take; the slowest, a read of 16 MiB, takes a tenth of a second. */
const PATIENCE_MS = 30_000;

export interface RelayOptions {
  database: Database;
  log: EventLog;
  shard?: number;
  /** false: whoever made it listens for the doorbell, and calls `ring` */
  listens?: boolean;
  /** ms a stand-by waits before it tries to lead; asked before each try: others may come first */
  hesitateMs?(): number;
  batch?: { rows: number; bytes: number };
  standBy?: { everyMs: number; frozenMs: number };
  patienceMs?: number;
  /** awaited before it leads: throws while nobody can say that the database is what it was */
  beforeLeading?(): Promise<void>;
  /** one line per surprise; never a payload */
  surprised(message: string, cause?: unknown): void;
}

/** What the relay of this process has done, for metrics and readiness. */
export interface RelayState {
  leads: boolean;
  epoch: bigint;
  published: number;
  setAside: number;
  /** ids whose transactions were rolled back */
  rolledBack: bigint;
  cursor: Cursor;
  publishedAt?: Date;
}

/**
 * One relay process: stands by until it is the active reader of its shard, leads until it stops, loses its session or is
 * deposed, and begins again. Everything it needs to go on stands in the database.
 */
export class Relay {
  readonly state: RelayState = {
    leads: false,
    epoch: 0n,
    published: 0,
    setAside: 0,
    rolledBack: 0n,
    cursor: { high: 0n, gaps: [] },
  };
  readonly #options: RelayOptions;
  readonly #stop = new AbortController();
  readonly #pace = new Pace();
  #running: Promise<void> | undefined;
  #deaf: (() => Promise<void>) | undefined;

  constructor(options: RelayOptions) {
    this.#options = options;
  }

  /** Throws where the set-up is wrong (sequence cache); from then on it never throws. */
  async start(): Promise<void> {
    const { database } = this.#options;
    await checkSequence(database);
    if (this.#options.listens ?? true) this.#deaf = await database.listen(DOORBELL, () => this.ring());
    this.#running = this.#run();
  }

  /** Something was appended. */
  ring(): void {
    this.#pace.ring();
  }

  /** Finishes the batch in hand, frees the leadership; then a stand-by takes over. */
  async stop(): Promise<void> {
    this.#stop.abort();
    this.#pace.ring();
    await this.#running;
    await this.#deaf?.();
  }

  async #run(): Promise<void> {
    for (let failures = 0; !this.#stop.signal.aborted;) {
      let session: Session | undefined;
      try {
        session = await this.#options.database.session();
        await this.#hold(patient(session, this.#options.patienceMs ?? PATIENCE_MS), () => {
          if (failures > 0) this.#options.surprised('the relay works again');
          failures = 0;
        });
      } catch (error) {
        if (this.#stop.signal.aborted) break;
        if (error instanceof Deposed) this.#options.surprised('another relay leads now; standing by');
        else if (failures++ === 0) this.#options.surprised('the relay lost its session; trying again', error);
        await pause(Math.min(50 * 2 ** failures, 5000), this.#stop.signal);
      } finally {
        this.state.leads = false;
        await session?.close();
      }
    }
  }

  /** Waits for the leadership on this session, then leads. */
  async #hold(session: Copyable, works: () => void): Promise<void> {
    const { database, log, shard = 0, standBy = STAND_BY, batch, surprised } = this.#options;
    const stop = this.#stop.signal;
    await joinRelays(session);
    for (;;) {
      await pause(this.#options.hesitateMs?.() ?? 0, stop);
      if (stop.aborted) return;
      const leadership = await claimLeadership(session, shard);
      if (stop.aborted) return;
      if (leadership) {
        await this.#options.beforeLeading?.();
        // crashpoint relay.after-lease
        this.state.leads = true;
        this.state.epoch = leadership.epoch;
        this.state.cursor = leadership.cursor;
        this.#pace.busy();
        const { epoch } = leadership;
        const refills = new Refills({
          database,
          log,
          shard,
          epoch,
          stop,
          surprised,
          high: () => this.state.cursor.high,
        });
        const commands = (stopped: Set<string>): Promise<void> =>
          executeCommands({ database, log, shard, epoch, stopped, refills });
        await lead({
          session,
          log,
          shard,
          leadership,
          pace: this.#pace,
          batch,
          stop,
          commands,
          surprised,
          reads: works,
          moved: (now) => this.#moved(now),
        });
        // nobody hears the bell from now on: appends need not ring it
        await beat(session, shard, epoch, false);
        return;
      }
      if (await unseatFrozen(session, shard, standBy.frozenMs))
        surprised('the leading relay gave no sign of life; its session was ended');
      else await pause(standBy.everyMs, stop);
      if (stop.aborted) return;
    }
  }

  #moved(now: { cursor: Cursor; sent: { published: number; aside: unknown[] }; dropped: bigint }): void {
    this.state.cursor = now.cursor;
    this.state.published += now.sent.published;
    this.state.setAside += now.sent.aside.length;
    this.state.rolledBack += now.dropped;
    if (now.sent.published > 0) this.state.publishedAt = new Date();
  }
}
