import type {
  DeadLetter,
  EventLog,
  LogBatch,
  LogProblem,
  RunningSubscription,
  StoredRecord,
  Subscription,
} from '#contracts';
import { eventually } from './eventually.ts';

/** A subscription that remembers what it was given. */
export interface Collected {
  records: StoredRecord[];
  batches: LogBatch[];
  problems: LogProblem[];
  running: RunningSubscription;
  values(): string[];
  /** waits for so many different values */
  until(count: number, deadlineMs?: number): Promise<void>;
}

export async function collect(
  log: EventLog,
  group: string,
  topics: string[],
  options: Partial<Pick<Subscription, 'maxBatch'>> & {
    handle?(batch: LogBatch): Promise<readonly DeadLetter[] | void>;
  } = {},
): Promise<Collected> {
  const records: StoredRecord[] = [];
  const batches: LogBatch[] = [];
  const problems: LogProblem[] = [];
  const values = (): string[] => records.map((record) => record.value?.toString() ?? 'null');
  const running = await log.subscribe({
    group,
    topics,
    maxBatch: options.maxBatch,
    handle: async (batch) => {
      const dead = await options.handle?.(batch);
      batches.push(batch);
      records.push(...batch.records);
      return dead;
    },
    onProblem: (problem) => problems.push(problem),
  });
  return {
    records,
    batches,
    problems,
    running,
    values,
    until: async (count, deadlineMs) => {
      await eventually(
        () => new Set(values()).size >= count,
        () => `${new Set(values()).size} of ${count} values`,
        deadlineMs,
      );
    },
  };
}

/** Each key's values in the order they were seen, repeats (at least once) left out. */
export function perKey(records: readonly StoredRecord[]): Map<string, string[]> {
  const seen = new Map<string, string[]>();
  for (const record of records) {
    const value = record.value?.toString() ?? 'null';
    const values = seen.get(record.key) ?? [];
    if (!values.includes(value)) values.push(value);
    seen.set(record.key, values);
  }
  return seen;
}
