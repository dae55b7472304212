import { RecordRefused, type EventLog, type LogBatch, type LogRecord, type Subscription } from '#contracts';
import { bareDeadLetter, deadLetterRecord, emptyDeadLetter } from './dead-letter.ts';
import { isRefillMarker } from './refill.ts';

const FIRST_PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 5_000;

export interface Handling {
  subscription: Pick<Subscription, 'handle' | 'onProblem' | 'group'>;
  append: EventLog['append'];
  /** aborted when the partition is somebody else's: nothing may be committed any more */
  lost: AbortSignal;
}

/**
 * Gives one batch to the handler until it is handled, dead letters included. Both adapters commit when this resolves with
 * true, and never otherwise.
 *
 *     handle ──resolves──> append its dead letters ──done──> true: commit (when stopping, too)
 *       ^  └──throws──┐         └──throws──┐
 *       └── pause, growing to 5 s <────────┘     stopping: false, the next owner starts here
 */
export async function handleUntilDone(all: LogBatch, { subscription, append, lost }: Handling): Promise<boolean> {
  const batch = all.records.some(isRefillMarker)
    ? { ...all, records: all.records.filter((record) => !isRefillMarker(record)) }
    : all;
  if (batch.records.length === 0) return !lost.aborted;
  for (let failures = 0; !batch.signal.aborted; failures++) {
    try {
      const dead = await subscription.handle(batch);
      if (lost.aborted) return false;
      if (dead && dead.length > 0) await appendAll(dead.map(deadLetterRecord), append);
      return !lost.aborted;
    } catch (cause) {
      if (batch.signal.aborted) return false;
      const pause = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** failures);
      subscription.onProblem?.({
        kind: 'handler-failed',
        topic: batch.topic,
        partition: batch.partition,
        message: `${subscription.group} could not handle ${batch.records.length} records from offset ${batch.records[0]!.offset}; again in ${pause} ms`,
        cause,
      });
      await pauseFor(pause, batch.signal);
    }
  }
  return false;
}

/**
 * One that is too large goes without its headers, whose bytes grew when they were read as text; then without its value, which
 * somebody wrote while the topic took more.
 */
async function appendAll(letters: readonly LogRecord[], append: EventLog['append']): Promise<void> {
  const shortened = new Map<LogRecord, 'bare' | 'empty'>();
  for (let left = letters; ;) {
    try {
      return await append(left);
    } catch (error) {
      if (!(error instanceof RecordRefused) || !left.includes(error.record)) throw error;
      const already = shortened.get(error.record);
      if (already === 'empty') throw error;
      const shorter = already === 'bare' ? emptyDeadLetter(error.record) : bareDeadLetter(error.record);
      shortened.set(shorter, already === 'bare' ? 'empty' : 'bare');
      left = left.map((record) => (record === error.record ? shorter : record));
    }
  }
}

/** Resolves after `ms`, or at once when the signal is aborted. */
export function pauseFor(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', done, { once: true });
  });
}
