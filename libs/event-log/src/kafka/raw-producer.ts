import { setTimeout as delay } from 'node:timers/promises';
import { findErrorBy, Producer, produceV8, Writer } from '@platformatic/kafka';
import type { Connection } from '@platformatic/kafka';
import { revealed, RETRY_FOR_MS } from './client.ts';
import type { KafkaConnection } from './client.ts';
import { PRODUCE, produceRequest } from './record-batch.ts';
import type { SafeMessage, Sender } from './record-batch.ts';
import { within } from './within.ts';

export type { SafeMessage } from './record-batch.ts';

/** A client's idempotent producer, acks all: what `SafeProducer` needs of it. */
export interface RawProducer {
  /**
   * resolves when the messages are durable, in this order; tries again by itself for as long as a failover takes, and gives
   * up a broker that takes connections and never answers
   */
  send(topic: string, partition: number, messages: readonly SafeMessage[]): Promise<void>;
  close(): Promise<void>;
}

const RETRY_DELAY_MS = 200;
/** How many brokers are asked for the leaders before the next try. */
const METADATA_RETRIES = 2;
const ANSWER_WITHIN_MS = 10_000;
/** Tries that are refused at once end after `RETRY_FOR_MS`; of tries that hang until they time out, a failover may cost several. */
const MOST_TRIES = RETRY_FOR_MS / RETRY_DELAY_MS;
const GIVE_UP_AFTER_MS = 120_000;
/** Sequence numbers are 31 bits and begin again at 0. */
const SEQUENCES = 2 ** 31;

/**
 * One producer id. Connections (TLS, SASL, framing), metadata and the producer id are `@platformatic/kafka`'s; the requests
 * are made here (record-batch.ts), and so the sequence numbers and the tries are kept here too (decision 0009).
 *
 * A batch keeps its sequence number through all tries, so that the broker knows a repeat. The number moves on with the
 * acknowledgement alone; after a failure the caller takes another producer.
 */
export function rawProducer(
  { brokers, ssl, sasl }: KafkaConnection,
  giveUpAfterMs: number = GIVE_UP_AFTER_MS,
): RawProducer {
  const client = new Producer({
    clientId: 'crossdock',
    bootstrapBrokers: [...brokers],
    tls: ssl ? {} : undefined,
    sasl: sasl && {
      mechanism: MECHANISMS[sasl.mechanism],
      username: sasl.username,
      password: revealed(sasl.password),
    },
    autocreateTopics: false,
    connectTimeout: 5_000,
    requestTimeout: 15_000,
    timeout: ANSWER_WITHIN_MS,
    retries: MOST_TRIES,
    retryDelay: RETRY_DELAY_MS,
  });
  const sequences = new Map<string, number>();
  let identity: Promise<{ producerId: bigint; producerEpoch: number }> | undefined;
  /** The client's tries for it are tries of tries: where each waits for an answer, hours. */
  const identify = (): NonNullable<typeof identity> => within(giveUpAfterMs, client.initIdempotentProducer({}));

  const sendOnce = async (
    place: { topic: string; partition: number },
    messages: readonly SafeMessage[],
    sender: Sender,
    again: boolean,
  ): Promise<void> => {
    const { topic, partition } = place;
    const metadata = await client.metadata({ topics: [topic], forceUpdate: again, retries: METADATA_RETRIES });
    const leader = metadata.topics.get(topic)?.partitions[partition]?.leader;
    // the pool says of a broker that nobody knows that trying again may help
    const connection = await client.connections.get(metadata.brokers.get(leader ?? -1)!);
    await produce(connection, () => produceRequest({ ...place, timeoutMs: ANSWER_WITHIN_MS }, messages, sender));
  };

  return {
    send: async (topic, partition, messages) => {
      const { producerId, producerEpoch } = await (identity ??= identify());
      const place = `${topic}/${partition}`;
      const sequence = sequences.get(place) ?? 0;
      const until = performance.now() + giveUpAfterMs;
      for (let tries = 0; ; tries++) {
        try {
          await sendOnce({ topic, partition }, messages, { producerId, producerEpoch, sequence }, tries > 0);
          sequences.set(place, (sequence + messages.length) % SEQUENCES);
          return;
        } catch (error) {
          const over = tries >= MOST_TRIES || performance.now() > until;
          if (over || findErrorBy(error as Error, 'canRetry', false)) throw error;
          await delay(RETRY_DELAY_MS);
        }
      }
    },
    close: () => client.close(),
  };
}

/** Rejects when the broker refuses the batch, and when its answer does not come. */
function produce(connection: Connection, request: () => Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    connection.send(
      PRODUCE.key,
      PRODUCE.version,
      // the connection copies it behind its own header before anything else runs
      () => Writer.create().append(request()),
      produceV8.parseResponse,
      false,
      false,
      (error) => (error ? reject(error) : resolve()),
    );
  });
}

const MECHANISMS = {
  plain: 'PLAIN',
  'scram-sha-256': 'SCRAM-SHA-256',
  'scram-sha-512': 'SCRAM-SHA-512',
} as const;

/** The broker says that a batch is larger than its topic takes: trying again will not help. */
export function isTooLarge(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return ['MESSAGE_TOO_LARGE', 'RECORD_LIST_TOO_LARGE'].some((id) => findErrorBy(error, 'apiId', id) !== null);
}
