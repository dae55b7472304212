import { randomUUID } from 'node:crypto';
import { CrossdockError, type EventLog, type StoredRecord } from '#contracts';

/** How often the group's own place is asked for, ms. */
const LOOK_MS = 1_000;

/**
 * Every record the topics hold now, from the first one left, in order per partition: under a group of its own, so nobody's
 * offsets move. Resolves when the end that was there at the call is reached; throws after `patienceMs` without a record.
 * For rare questions (after a restore); the group's offsets are left to the broker's expiry.
 */
export async function readToEnd(
  log: EventLog,
  topics: readonly string[],
  handle: (records: readonly StoredRecord[]) => Promise<void> | void,
  patienceMs = 30_000,
): Promise<void> {
  const group = `crossdock-look-${randomUUID()}`;
  const left = new Map<string, bigint>();
  for (const { topic, partition, lag, end } of await log.lag(group, topics))
    if (lag > 0n) left.set(`${topic}/${partition}`, end);
  if (left.size === 0) return;
  let patience: NodeJS.Timeout | undefined;
  let finish: () => void = () => {};
  let fail: (cause: unknown) => void = () => {};
  const finished = new Promise<void>((resolve, reject) => ([finish, fail] = [resolve, reject]));
  finished.catch(() => {}); // it may fail before anybody waits
  const wait = (): void => {
    clearTimeout(patience);
    const silent = `the event log gave nothing for ${patienceMs} ms while it was read to its end`;
    patience = setTimeout(
      () => fail(new CrossdockError('CROSSDOCK_LOG_SILENT', silent, { retryable: true })),
      patienceMs,
    );
  };
  const readUp = (place: string): void => {
    if (left.delete(place) && left.size === 0) finish();
  };
  wait();
  const running = await log.subscribe({
    group,
    topics,
    handle: async ({ topic, partition, records }) => {
      wait();
      const place = `${topic}/${partition}`;
      const end = left.get(place);
      if (end === undefined) return; // came after the call
      await handle(records);
      if (records.at(-1)!.offset + 1n >= end) readUp(place);
    },
  });
  // no handler sees what a refill leaves at the end of a partition: only what is committed tells that it was read
  const look = setInterval(() => {
    const seen = log.lag(group, topics).then((places) => {
      for (const { topic, partition, committed } of places) {
        const place = `${topic}/${partition}`;
        const end = left.get(place);
        if (end !== undefined && committed !== null && committed >= end) readUp(place);
      }
    });
    seen.catch(() => {}); // asked again; a log that stays silent runs out of patience
  }, LOOK_MS);
  try {
    await finished;
  } finally {
    clearInterval(look);
    clearTimeout(patience);
    await running.stop();
  }
}
