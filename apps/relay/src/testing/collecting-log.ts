import {
  RecordRefused,
  type EventLog,
  type GroupPosition,
  type LogRecord,
  type PartitionLag,
  type RunningSubscription,
} from '#contracts';

/** A log that keeps what it is given, can be away, and refuses records above a size: for the relay's own tests. */
export class CollectingLog implements EventLog {
  readonly records: LogRecord[] = [];
  away = false;
  largest = Number.POSITIVE_INFINITY;
  /** awaited before anything is kept */
  gate: Promise<void> = Promise.resolve();
  #heard: (() => void)[] = [];

  async append(records: readonly LogRecord[]): Promise<void> {
    await this.gate;
    if (this.away) throw new Error('the log is away');
    for (const record of records)
      if ((record.value?.length ?? 0) > this.largest) throw new RecordRefused(record, 'record is too large');
    this.records.push(...records);
    for (const heard of this.#heard.splice(0)) heard();
  }

  /** Resolves when the log holds so many records. */
  async until(count: number, deadlineMs = 60_000): Promise<void> {
    const end = performance.now() + deadlineMs;
    while (this.records.length < count) {
      const left = end - performance.now();
      if (left <= 0) throw new Error(`${this.records.length} of ${count} records within ${deadlineMs} ms`);
      let timer: NodeJS.Timeout | undefined;
      await Promise.race([
        new Promise<void>((resolve) => this.#heard.push(resolve)),
        new Promise<void>((resolve) => (timer = setTimeout(resolve, left))),
      ]);
      clearTimeout(timer);
    }
  }

  subscribe(): Promise<RunningSubscription> {
    throw new Error('the relay does not read the log');
  }

  async ensureTopics(): Promise<void> {}

  async lag(): Promise<PartitionLag[]> {
    return [];
  }
  async positions(): Promise<GroupPosition[]> {
    return [];
  }

  async ping(): Promise<void> {
    if (this.away) throw new Error('the log is away');
  }

  async close(): Promise<void> {}
}
