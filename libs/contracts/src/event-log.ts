import type { TopicDeclaration } from './topics.ts';

/** One record to append. Headers are text; the value is bytes, or null for a marker. */
export interface LogRecord {
  topic: string;
  key: string;
  value: Buffer | null;
  headers: Readonly<Record<string, string>>;
}

/** A record as the log holds it. */
export interface StoredRecord extends LogRecord {
  partition: number;
  offset: bigint;
  /** when the log took it */
  timestamp: Date;
}

/** What a handler says of a record it cannot use: it goes to `<topic>.dead-letter` before the offset is committed. */
export interface DeadLetter {
  record: StoredRecord;
  /** one line, no payload */
  reason: string;
  /** the stage that refused it */
  stage: string;
}

/** Records of one partition in offset order, at least one. */
export interface LogBatch {
  topic: string;
  partition: number;
  records: readonly StoredRecord[];
  /** aborted when the subscription stops or loses the partition: finish or throw soon */
  signal: AbortSignal;
}

export interface Subscription {
  /** consumer group; a new one starts at the beginning of each topic */
  group: string;
  topics: readonly string[];
  /** upper bound of one batch; default 500 */
  maxBatch?: number;
  /**
   * Called with one batch at a time per partition, partitions in parallel. Resolves when the next owner has every
   * record (then the offsets are committed); the returned dead letters are written first. A throw means "not handled":
   * the same records come again, after a pause that grows to 5 s. Must make no remote call besides its own store.
   */
  handle(batch: LogBatch): Promise<readonly DeadLetter[] | void>;
  /** called on surprises: holes in the offsets, retention passed (and mended), other partitions, a batch that keeps failing */
  onProblem?(problem: LogProblem): void;
}

export interface LogProblem {
  kind: 'hole' | 'retention-passed' | 'resumed' | 'partitions-changed' | 'handler-failed' | 'unavailable';
  topic: string;
  partition: number;
  message: string;
  cause?: unknown;
}

/** A partition whose next record the log does not have: nothing of it is handled until it has been refilled. */
export interface StoppedPartition {
  topic: string;
  partition: number;
  kind: 'hole' | 'retention-passed';
  /** the first record that was not handled */
  offset: bigint;
}

/** Where a group stands in a partition that it has read. */
export interface GroupPosition {
  topic: string;
  partition: number;
  /** of the topic */
  partitions: number;
  committed: bigint;
  /** the first offset that the log still has: records were lost to this group when it is above `committed` */
  start: bigint;
  end: bigint;
}

export interface RunningSubscription {
  /** resolves when the members' partitions are assigned for the first time */
  ready(): Promise<void>;
  /** the partitions that stand still here because records are missing; empty as it should be */
  stopped(): readonly StoppedPartition[];
  /** finishes the batches in hand, commits, leaves the group */
  stop(): Promise<void>;
}

export interface PartitionLag {
  topic: string;
  partition: number;
  /** records behind the end of the log */
  lag: bigint;
  committed: bigint | null;
  end: bigint;
}

/** One record that the log will never take as it is (too large after all). */
export class RecordRefused extends Error {
  readonly record: LogRecord;
  constructor(record: LogRecord, message: string, cause?: unknown) {
    super(message, { cause });
    this.name = 'RecordRefused';
    this.record = record;
  }
}

/**
 * The event log: Kafka or PostgreSQL, and nothing above this port knows which. At least once, in order per key, and no
 * silent skip. Both adapters pass `describeEventLog`.
 */
export interface EventLog {
  /**
   * Resolves when every record is durable. Records of one key keep the order they have here, across calls too as long
   * as the earlier call was made first. Throws `RecordRefused` before anything is sent when one is too large (where only the
   * broker knows that, others of the call may be in the log already); any other throw means "unknown, append again".
   */
  append(records: readonly LogRecord[]): Promise<void>;
  subscribe(subscription: Subscription): Promise<RunningSubscription>;
  /** creates what is missing; throws on drift (fewer or more partitions, another size or retention) */
  ensureTopics(topics: readonly TopicDeclaration[]): Promise<void>;
  lag(group: string, topics: readonly string[]): Promise<PartitionLag[]>;
  /**
   * Every partition the group has ever committed in, of the topics that its members read; of all while it has no members, or who
   * they are is not known. Asked by the refill.
   */
  positions(group: string): Promise<GroupPosition[]>;
  /** resolves when the log answers; throws why not: readiness */
  ping(): Promise<void>;
  close(): Promise<void>;
}
