import { randomBytes } from 'node:crypto';
import type { EventLog, LogRecord, TopicDeclaration } from '#contracts';

/** Which of the optional parts a harness has: said before it is made, so that no test passes without testing. */
export interface Abilities {
  punchHole?: boolean;
  disturb?: boolean;
}

/** What the contract suite needs of an adapter. */
export interface EventLogHarness {
  /** another instance on the same log, as another process would have it */
  open(): Promise<EventLog>;
  /** closes everything it opened */
  close(): Promise<void>;
  /** deletes what lies below `before`, as retention does */
  passRetention(topic: string, partition: number, before: bigint): Promise<void>;
  /** raises the number of partitions, as somebody else may */
  addPartitions(topic: string, count: number): Promise<void>;
  /** takes one record out of the middle; absent where the log offers no way to lose one */
  punchHole?(topic: string, partition: number, offset: bigint): Promise<void>;
  /** appends in a transaction that stays open for a while before it commits; absent where there is none */
  appendSlowly?(records: readonly LogRecord[], holdMs: number): Promise<void>;
  /** breaks every connection to the log, as a restart of its server does; resolves when it can be reached again; absent where it is not ours to stop */
  disturb?(): Promise<void>;
  /** how another process reaches the same log */
  address: LogAddress;
}

export interface LogAddress {
  kafka?: { brokers: string[] };
  databaseUrl?: string;
  /** how soon a dead member is missed */
  leaseMs: number;
}

export const unique = (word: string): string => `${word}-${randomBytes(4).toString('hex')}`;

/** A topic of its own with its dead-letter topic. */
export async function freshTopic(
  log: EventLog,
  options: { partitions?: number; maxMessageBytes?: number; deadLetters?: boolean } = {},
): Promise<string> {
  const name = `${unique('test.topic')}.v1`;
  const topic = declaration(name, options);
  await log.ensureTopics(
    options.deadLetters === false ? [topic] : [topic, { ...topic, name: `${name}.dead-letter`, partitions: 1 }],
  );
  return name;
}

export function declaration(
  name: string,
  { partitions = 3, maxMessageBytes = 1_048_576 }: { partitions?: number; maxMessageBytes?: number } = {},
): TopicDeclaration {
  return { name, partitions, retentionMs: 3_600_000, maxMessageBytes, writer: 'relay', key: 'key', value: 'bytes' };
}

export const text = (topic: string, key: string, value: string): LogRecord => ({
  topic,
  key,
  value: Buffer.from(value),
  headers: {},
});
