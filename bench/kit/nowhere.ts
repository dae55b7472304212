import type { EventLog, GroupPosition, LogRecord, PartitionLag, RunningSubscription } from '#contracts';

/** A log that takes records at once and forgets them: what is left is the cost of whoever writes to it. */
export class Nowhere implements EventLog {
  async append(_records: readonly LogRecord[]): Promise<void> {}
  async ensureTopics(): Promise<void> {}
  subscribe(): Promise<RunningSubscription> {
    throw new Error('nothing to read');
  }
  async lag(): Promise<PartitionLag[]> {
    return [];
  }
  async positions(): Promise<GroupPosition[]> {
    return [];
  }
  async ping(): Promise<void> {}
  async close(): Promise<void> {}
}
