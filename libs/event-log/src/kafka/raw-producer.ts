import { findErrorBy, Producer } from '@platformatic/kafka';
import { revealed, RETRY_FOR_MS } from './client.ts';
import type { KafkaConnection } from './client.ts';

export interface SafeMessage {
  key: string;
  value: Buffer | null;
  headers: Readonly<Record<string, string>>;
}

/** A client's idempotent producer, acks all: what `SafeProducer` needs of it. */
export interface RawProducer {
  /** resolves when the messages are durable, in this order; tries again by itself for as long as a failover takes */
  send(topic: string, partition: number, messages: readonly SafeMessage[]): Promise<void>;
  close(): Promise<void>;
}

const RETRY_DELAY_MS = 200;
/** Header names are few and come with every record. */
const NAMES = new Map<string, Buffer>();
const MOST_NAMES = 1_000;

/** One producer id; a thousand records of 1 KiB take it a tenth of the CPU that kafkajs needs (decision 0008). */
export function rawProducer({ brokers, ssl, sasl }: KafkaConnection): RawProducer {
  const producer = new Producer<Buffer, Buffer | null, Buffer, Buffer>({
    clientId: 'crossdock',
    bootstrapBrokers: [...brokers],
    tls: ssl ? {} : undefined,
    sasl: sasl && {
      mechanism: MECHANISMS[sasl.mechanism],
      username: sasl.username,
      password: revealed(sasl.password),
    },
    idempotent: true,
    autocreateTopics: false,
    connectTimeout: 5_000,
    requestTimeout: 15_000,
    timeout: 10_000,
    retries: RETRY_FOR_MS / RETRY_DELAY_MS,
    retryDelay: RETRY_DELAY_MS,
  });
  return {
    send: async (topic, partition, messages) => {
      await producer.send({
        idempotent: true, // said here too: only then a failure makes the producer forget its sequence numbers
        acks: -1,
        messages: messages.map(({ key, value, headers }) => ({
          topic,
          partition,
          key: Buffer.from(key),
          value,
          headers: headerBuffers(headers),
        })),
      });
    },
    close: () => producer.close(),
  };
}

const MECHANISMS = {
  plain: 'PLAIN',
  'scram-sha-256': 'SCRAM-SHA-256',
  'scram-sha-512': 'SCRAM-SHA-512',
} as const;

function headerBuffers(headers: Readonly<Record<string, string>>): Map<Buffer, Buffer> {
  const buffers = new Map<Buffer, Buffer>();
  for (const [name, value] of Object.entries(headers)) buffers.set(nameBuffer(name), Buffer.from(value));
  return buffers;
}

function nameBuffer(name: string): Buffer {
  const known = NAMES.get(name);
  if (known) return known;
  const buffer = Buffer.from(name);
  if (NAMES.size < MOST_NAMES) NAMES.set(name, buffer);
  return buffer;
}

/** The broker says that a batch is larger than its topic takes: trying again will not help. */
export function isTooLarge(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return ['MESSAGE_TOO_LARGE', 'RECORD_LIST_TOO_LARGE'].some((id) => findErrorBy(error, 'apiId', id) !== null);
}
