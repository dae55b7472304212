import { randomUUID } from 'node:crypto';
import { CrossdockError, type EventLog, type StoredRecord } from '#contracts';

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
      if (records.at(-1)!.offset + 1n < end) return;
      left.delete(place);
      if (left.size === 0) finish();
    },
  });
  try {
    await finished;
  } finally {
    clearTimeout(patience);
    await running.stop();
  }
}
