import type { EventLog } from '#contracts';
import type { Copyable } from '#db';
import { beat, FEW_ROWS, readOutbox, settle, type Cursor, type Leadership, type Snapshot } from '#outbox';
import { advance, mark, needsMark } from './cursor.ts';
import { Pace } from './pace.ts';
import { send, type Sent } from './send.ts';

/** One batch; memory holds two of them. */
export const BATCH = { rows: 4000, bytes: 16 * 1024 * 1024 };
/** More open ranges than this and the relay reads only them until some are decided. */
const MOST_GAPS = 10_000;
const BEAT_MS = 2000;
const COMMANDS_MS = 500;
/** An id drawn so long ago and not seen was rolled back, or its transaction is in no hurry. */
const EXPECT_MS = 30_000;
/** How long a stop waits for a log that neither takes nor refuses the batch in hand. */
const STOP_MS = 5000;

/** Somebody else leads now: nothing this leader writes counts any more. */
export class Deposed extends Error {}

export interface LeaderOptions {
  /** the session that holds the lock, see `patient`: reading and settling through it end with it */
  session: Copyable;
  log: EventLog;
  shard: number;
  leadership: Leadership;
  pace: Pace;
  batch?: { rows: number; bytes: number };
  /** ends the leader between two batches; a batch in hand is finished if the log takes it */
  stop: AbortSignal;
  /** executes what people ordered; called between batches, never beside one */
  commands(stopped: Set<string>): Promise<void>;
  /** the first read succeeded */
  reads?(): void;
  moved?(now: { cursor: Cursor; sent: Sent; dropped: bigint }): void;
  /** one line per surprise */
  surprised(message: string, cause?: unknown): void;
}

/**
 * Reads the outbox and hands it to the log until it is stopped or deposed (throws `Deposed`) or the database goes away
 * (throws what it threw).
 *
 *     read ──> advance ──> send ────────────> settle ──> mark ──> advance ...
 *                  └────── read the next ────────────────────────────┘
 *
 * The next read runs while the batch is sent. What is persisted is never ahead of what is published, so a crash repeats
 * and loses nothing. The mark is the transaction id of the settling statement: it is younger than every gap in it.
 */
export async function lead(options: LeaderOptions): Promise<void> {
  const { session, shard, leadership, pace, stop } = options;
  const { epoch } = leadership;
  const limit = options.batch ?? BATCH;
  const stopped = new Set(leadership.stopped);
  let cursor = leadership.cursor;
  let asleep = false;
  let drawn = { id: 0n, at: 0 };
  let beatAt = performance.now();
  let commandsAt = 0;

  const few = { ...limit, rows: Math.min(limit.rows, FEW_ROWS) };
  let many = false;
  /** Few rows while a read brings few, all that fit as soon as it brings as many as it may. */
  const read = async (from: Cursor): Promise<Snapshot> => {
    const all = from.gaps.length > MOST_GAPS ? { high: LAST_ID, gaps: from.gaps } : from;
    const seen = await readOutbox(session, all, many ? limit : few, { shard, shards: leadership.shards });
    many = seen.rows.length >= few.rows;
    return seen;
  };
  const flag = async (value: boolean): Promise<void> => {
    if (!(await beat(session, shard, epoch, value))) throw new Deposed();
    asleep = value;
    beatAt = performance.now();
  };
  const expecting = (seen: Snapshot, at: Cursor): boolean => {
    if (seen.drawn !== drawn.id) drawn = { id: seen.drawn, at: performance.now() };
    return at.gaps.length > 0 || (drawn.id > at.high && performance.now() - drawn.at < EXPECT_MS);
  };
  const store = async (next: Cursor, sent: Sent, dropped: bigint): Promise<void> => {
    const settled = await settle(session, { shard, epoch, cursor: next, asleep, ...sent });
    if (!settled) throw new Deposed();
    beatAt = performance.now();
    cursor = mark(next, settled.xid);
    options.moved?.({ cursor, sent, dropped });
  };

  let snapshot = await read(cursor);
  options.reads?.();
  while (!stop.aborted) {
    const { cursor: next, dropped } = advance(cursor, snapshot);
    const rolledBack = dropped.reduce((sum, gap) => sum + (gap.to - gap.from + 1n), 0n);
    if (snapshot.rows.length > 0) {
      pace.busy();
      if (asleep) await flag(false);
      const reading = settledPromise(read(next));
      // crashpoint relay.before-send
      const sent = await keepSending(options, snapshot, stopped, () => flag(asleep));
      if (!sent) return;
      // crashpoint relay.after-ack
      await store(next, sent, rolledBack);
      // crashpoint relay.after-settle
      snapshot = await reading();
    } else {
      if (needsMark(next) || dropped.length > 0 || provenNow(cursor, next))
        await store(next, { published: 0, aside: [] }, rolledBack);
      if (pace.drowsy && !asleep) {
        await flag(true);
        // what was committed before the flag could be seen rang no bell: look once more before lying down
      } else {
        await pace.rest(expecting(snapshot, next));
        if (performance.now() - beatAt > BEAT_MS) await flag(asleep);
      }
      if (stop.aborted) return;
      snapshot = await read(cursor);
    }
    if (performance.now() - commandsAt > COMMANDS_MS) {
      await options.commands(stopped);
      commandsAt = performance.now();
    }
  }
}

/** Above every id: a read from here sees only the gaps. */
const LAST_ID = 9_223_372_036_854_775_807n;

const provenNow = (before: Cursor, after: Cursor): boolean =>
  after.gaps.some((gap, at) => gap.proven !== before.gaps[at]?.proven);

/**
 * Sends until the log takes the batch: 100 ms doubling to 5 s between tries, one line when it begins to fail and one
 * when it is over. Undefined when stopped meanwhile: nothing was settled, the next leader sends the batch again.
 */
async function keepSending(
  options: LeaderOptions,
  snapshot: Snapshot,
  stopped: Set<string>,
  alive: () => Promise<void>,
): Promise<Sent | undefined> {
  const own = snapshot.rows.filter((row) => !row.foreign);
  let beating: Promise<void> | undefined;
  let deposed: unknown;
  const timer = setInterval(() => {
    beating = alive().catch((error: unknown) => {
      deposed = error;
    });
  }, BEAT_MS);
  try {
    for (let failures = 0; ; failures++) {
      try {
        const sent = await beforeStopped(send(options.log, own, stopped), options.stop);
        if (!sent) return undefined;
        if (failures > 0) options.surprised(`the log takes records again after ${failures} failed tries`);
        if (sent.aside.length > 0)
          options.surprised(
            `set aside ${sent.aside.length} rows, outbox id ${sent.aside[0]!.id} first: ${sent.aside[0]!.reason}`,
          );
        return sent;
      } catch (error) {
        if (failures === 0)
          options.surprised('the log does not take records; nothing is lost, the same batch is tried again', error);
        await pause(Math.min(100 * 2 ** failures, 5000), options.stop);
        if (deposed) throw deposed;
        if (options.stop.aborted) return undefined;
      }
    }
  } finally {
    clearInterval(timer);
    await beating;
  }
}

/** Undefined when the log still hangs `STOP_MS` after a stop: nothing is settled, the next leader sends the batch again. */
async function beforeStopped(sending: Promise<Sent>, stop: AbortSignal): Promise<Sent | undefined> {
  let timer: NodeJS.Timeout | undefined;
  let begin: (() => void) | undefined;
  const late = new Promise<undefined>((resolve) => {
    begin = () => (timer = setTimeout(resolve, STOP_MS, undefined));
    if (stop.aborted) begin();
    else stop.addEventListener('abort', begin, { once: true });
  });
  sending.catch(() => {}); // whoever stops waiting does not want to hear of it either
  try {
    return await Promise.race([sending, late]);
  } finally {
    clearTimeout(timer);
    stop.removeEventListener('abort', begin!);
  }
}

/** Lets a promise fail while something else is awaited: the failure comes out when asked for. */
function settledPromise<T>(promise: Promise<T>): () => Promise<T> {
  promise.catch(() => {});
  return () => promise;
}

export function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', done);
  });
}
