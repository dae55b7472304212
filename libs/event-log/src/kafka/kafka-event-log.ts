import type { Admin, Kafka } from 'kafkajs';
import { CrossdockError, RecordRefused } from '#contracts';
import type {
  EventLog,
  GroupPosition,
  LogRecord,
  PartitionLag,
  RunningSubscription,
  Subscription,
  TopicDeclaration,
} from '#contracts';
import { unknownTopic } from '../drift.ts';
import type { TopicAsIs } from '../drift.ts';
import { partitionOf } from '../partition.ts';
import { batchBytes, batchLimit, Chunks, recordBytes, refuseUnfit } from '../refuse.ts';
import { TopicWatch } from '../topic-watch.ts';
import { kafkaClient } from './client.ts';
import type { KafkaConnection, OnLog } from './client.ts';
import { KafkaSubscription } from './kafka-subscription.ts';
import type { TopicPartitions } from './kafka-subscription.ts';
import { readNow } from './reading.ts';
import { isTooLarge, rawProducer } from './raw-producer.ts';
import type { SafeMessage } from './raw-producer.ts';
import { SafeProducer } from './safe-producer.ts';
import { topicOffsets, whenSettled } from './settled.ts';
import { ensureTopics, readTopics } from './topics.ts';
import { within } from './within.ts';

/** One request per partition and send; larger ones gain nothing and hold memory. */
const MAX_BATCH_BYTES = 1_000_000;
const PING_WITHIN_MS = 5_000;

export interface KafkaEventLogOptions extends KafkaConnection {
  /** how long a member that says nothing keeps its partitions; default 10 s */
  sessionMs?: number;
  /** how often is looked whether somebody changed the topics; default one minute */
  watchEveryMs?: number;
  /** how long a batch is tried before the append fails; default two minutes */
  giveUpAfterMs?: number;
  onLog?: OnLog;
}

interface Planned {
  topic: string;
  partition: number;
  records: LogRecord[];
  batches: SafeMessage[][];
}

interface Place {
  records: LogRecord[];
  split: Chunks<LogRecord>;
}

/** Batches of this size, because a broker refused one that the topic's settings allow. */
interface Smaller {
  bytes: number;
  until: number;
}

/** Somebody may have mended it meanwhile. */
const BELIEVE_MS = 60_000;

/** The event log on Apache Kafka: the product at scale. One instance per process. */
export class KafkaEventLog implements EventLog {
  readonly #kafka: Kafka;
  /** gives up at once, where the other goes on for half a minute */
  readonly #impatient: Kafka;
  readonly #producer: SafeProducer;
  readonly #sessionMs: number;
  readonly #topics = new Map<string, TopicAsIs>();
  readonly #smaller = new Map<string, Smaller>();
  readonly #watch: TopicWatch;
  readonly #subscriptions = new Set<KafkaSubscription>();
  /** calls enter one after the other, so that an early call that has to look up a topic stays the early one */
  #entrance: Promise<unknown> = Promise.resolve();
  #admin: Promise<Admin> | undefined;

  constructor(options: KafkaEventLogOptions) {
    const { sessionMs = 10_000, watchEveryMs = 60_000, giveUpAfterMs, onLog = () => {}, ...connection } = options;
    this.#kafka = kafkaClient(connection, onLog);
    this.#impatient = kafkaClient(connection, onLog, { retries: 1, initialRetryTime: 100 });
    this.#producer = new SafeProducer(() => rawProducer(connection, giveUpAfterMs));
    this.#sessionMs = sessionMs;
    this.#watch = new TopicWatch({
      known: this.#topics,
      read: async (names) => readTopics(await this.#connectedAdmin(), names),
      changed: (topic, message) => {
        onLog('error', message);
        for (const subscription of this.#subscriptions) subscription.partitionsChanged(topic, message);
      },
      everyMs: watchEveryMs,
    });
  }

  /** Waits for every partition, also when one has failed: nothing is under way when this returns. */
  async append(records: readonly LogRecord[]): Promise<void> {
    if (records.length === 0) return;
    const sends = this.#entrance.then(async () => {
      const planned = await this.#plan(records);
      const all = planned.map((part) => this.#producer.send(part.topic, part.partition, part.batches));
      return { planned, all: Promise.allSettled(all) };
    });
    this.#entrance = sends.catch(() => {});
    const { planned, all } = await sends;
    const failed = (await all).flatMap((result, at) =>
      result.status === 'rejected' ? [{ part: planned[at]!, reason: result.reason as unknown }] : [],
    );
    for (const { part, reason } of failed) if (isTooLarge(reason)) await this.#refuse(part, reason);
    if (failed.length > 0)
      throw new CrossdockError('CROSSDOCK_LOG_APPEND_UNKNOWN', 'Kafka did not confirm every record: append again', {
        cause: failed[0]!.reason,
        retryable: true,
      });
  }

  /**
   * The broker takes less than the topic was declared with: somebody has changed it. Throws `RecordRefused` for the record
   * that will never go like this; a batch of several goes in smaller ones when it is appended again.
   */
  async #refuse({ topic, records, batches }: Planned, cause: unknown): Promise<void> {
    const now = (await readTopics(await this.#connectedAdmin(), [topic])).get(topic);
    const known = this.#topics.get(topic)!;
    if (now) this.#topics.set(topic, { ...now, partitions: known.partitions });
    for (const record of records) refuseUnfit(record, this.#limit(topic));
    const several = batches.filter((batch) => batch.length > 1);
    if (several.length === 0) {
      const largest = records.toSorted((one, other) => recordBytes(other) - recordBytes(one))[0]!;
      const bytes = recordBytes(largest);
      throw new RecordRefused(largest, `the broker refuses a record of ${bytes} bytes for ${topic}`, cause);
    }
    const bytes = Math.max(...several.map((batch) => batchBytes(batch.map((message) => ({ topic, ...message })))));
    this.#smaller.set(topic, { bytes: Math.floor(bytes / 2), until: performance.now() + BELIEVE_MS });
  }

  /** The largest record that goes, as far as the topic's settings tell. */
  #limit(topic: string): number {
    return batchLimit(topic, this.#topics.get(topic)!.maxMessageBytes);
  }

  #batchLimit(topic: string): number {
    const smaller = this.#smaller.get(topic);
    const learned = smaller && smaller.until > performance.now() ? smaller.bytes : MAX_BATCH_BYTES;
    return Math.min(MAX_BATCH_BYTES, this.#limit(topic), learned);
  }

  /** Everything is checked before anything is sent. */
  async #plan(records: readonly LogRecord[]): Promise<Planned[]> {
    await this.#know(records.map((record) => record.topic));
    const topics = new Map<string, { partitions: number; limit: number; batch: number; places: Place[] }>();
    for (const record of records) {
      let topic = topics.get(record.topic);
      if (!topic) {
        const { name, partitions } = this.#topics.get(record.topic)!;
        topic = { partitions, limit: this.#limit(name), batch: this.#batchLimit(name), places: [] };
        topics.set(name, topic);
      }
      const bytes = refuseUnfit(record, topic.limit);
      const place = (topic.places[partitionOf(record.key, topic.partitions)] ??= {
        records: [],
        split: new Chunks<LogRecord>(topic.batch),
      });
      place.records.push(record);
      place.split.add(record, bytes);
    }
    return [...topics].flatMap(([topic, { places }]) =>
      // partitions that get nothing have no place
      places.flatMap((place, partition) => [{ topic, partition, records: place.records, batches: place.split.chunks }]),
    );
  }

  async #know(names: readonly string[]): Promise<void> {
    const missing = [...new Set(names)].filter((name) => !this.#topics.has(name));
    if (missing.length === 0) return;
    const admin = await this.#connectedAdmin();
    for (const [name, topic] of await readTopics(admin, missing)) this.#topics.set(name, topic);
    for (const name of missing) if (!this.#topics.has(name)) throw unknownTopic(name);
    this.#watch.start();
  }

  async subscribe(subscription: Subscription): Promise<RunningSubscription> {
    await this.#know(subscription.topics);
    const running = new KafkaSubscription(subscription, {
      kafka: this.#kafka,
      append: (records) => this.append(records),
      sessionMs: this.#sessionMs,
      bounds: async (topic, partition) => (await this.#bounds(topic)).get(partition)!,
      untouched: (places) => this.#untouched(subscription.group, places),
    });
    this.#subscriptions.add(running);
    await running.start();
    return {
      ready: () => running.ready(),
      stopped: () => running.stopped(),
      stop: async () => {
        await running.stop();
        this.#subscriptions.delete(running);
      },
    };
  }

  async ensureTopics(topics: readonly TopicDeclaration[]): Promise<void> {
    await ensureTopics(await this.#connectedAdmin(), topics);
  }

  async lag(group: string, topics: readonly string[]): Promise<PartitionLag[]> {
    if (topics.length === 0) return [];
    const admin = await this.#connectedAdmin();
    const [committed, ends] = await whenSettled(() =>
      Promise.all([
        admin.fetchOffsets({ groupId: group, topics: [...topics] }),
        Promise.all(topics.map(async (topic) => ({ topic, offsets: await topicOffsets(admin, topic) }))),
      ]),
    );
    const known = new Map(
      committed.flatMap(({ topic, partitions }) =>
        partitions.map(({ partition, offset }) => [`${topic}/${partition}`, BigInt(offset)] as const),
      ),
    );
    return ends.flatMap(({ topic, offsets }) =>
      offsets
        .map(({ partition, high, low }) => {
          const offset = known.get(`${topic}/${partition}`) ?? -1n;
          const end = BigInt(high);
          const at = offset < 0n ? null : offset;
          return { topic, partition, end, committed: at, lag: end - (at ?? BigInt(low)) };
        })
        .sort((a, b) => a.partition - b.partition),
    );
  }

  async positions(group: string): Promise<GroupPosition[]> {
    const admin = await this.#connectedAdmin();
    const there = new Set(await admin.listTopics());
    const committed = await whenSettled(() => admin.fetchOffsets({ groupId: group }));
    const reading = await readNow(admin, group);
    const positions = committed
      .filter(({ topic }) => there.has(topic) && (reading?.has(topic) ?? true))
      .map(async ({ topic, partitions }) => {
        const bounds = await this.#bounds(topic);
        return partitions.flatMap(({ partition, offset }) => {
          const at = bounds.get(partition);
          if (!at || BigInt(offset) < 0n) return [];
          return [{ topic, partition, partitions: bounds.size, committed: BigInt(offset), ...at }];
        });
      });
    return (await Promise.all(positions))
      .flat()
      .sort((a, b) => (a.topic === b.topic ? a.partition - b.partition : a.topic < b.topic ? -1 : 1));
  }

  async #bounds(topic: string): Promise<Map<number, { start: bigint; end: bigint }>> {
    const admin = await this.#connectedAdmin();
    const offsets = await topicOffsets(admin, topic);
    return new Map(offsets.map(({ partition, low, high }) => [partition, { start: BigInt(low), end: BigInt(high) }]));
  }

  async #untouched(
    group: string,
    places: readonly TopicPartitions[],
  ): Promise<{ topic: string; partition: number; start: bigint }[]> {
    if (places.length === 0) return [];
    const admin = await this.#connectedAdmin();
    const topics = places.map(({ topic }) => topic);
    const committed = await whenSettled(() => admin.fetchOffsets({ groupId: group, topics }));
    const found: { topic: string; partition: number; start: bigint }[] = [];
    for (const { topic, partitions } of committed) {
      const mine = new Set(places.find((place) => place.topic === topic)?.partitions);
      const never = partitions.filter(({ partition, offset }) => BigInt(offset) < 0n && mine.has(partition));
      const bounds = never.length > 0 ? await this.#bounds(topic) : undefined;
      for (const { partition } of never) found.push({ topic, partition, start: bounds!.get(partition)?.start ?? 0n });
    }
    return found;
  }

  /** On a connection of its own: readiness asks for now. */
  async ping(): Promise<void> {
    const admin = this.#impatient.admin();
    try {
      await within(
        PING_WITHIN_MS,
        admin.connect().then(() => admin.describeCluster()),
      );
    } catch (cause) {
      if (cause instanceof CrossdockError) throw cause;
      throw new CrossdockError('CROSSDOCK_LOG_UNAVAILABLE', 'Kafka does not answer', { cause, retryable: true });
    } finally {
      admin.disconnect().catch(() => {});
    }
  }

  async close(): Promise<void> {
    await this.#watch.stop();
    await Promise.all([...this.#subscriptions].map((subscription) => subscription.stop()));
    this.#subscriptions.clear();
    await this.#entrance;
    await this.#producer.close();
    const admin = this.#admin;
    this.#admin = undefined;
    await (await admin?.catch(() => undefined))?.disconnect();
  }

  #connectedAdmin(): Promise<Admin> {
    this.#admin ??= this.#connect().catch((error: unknown) => {
      this.#admin = undefined;
      throw error;
    });
    return this.#admin;
  }

  async #connect(): Promise<Admin> {
    const admin = this.#kafka.admin();
    try {
      await admin.connect();
      return admin;
    } catch (cause) {
      throw new CrossdockError('CROSSDOCK_LOG_UNAVAILABLE', 'Kafka cannot be reached', { cause, retryable: true });
    }
  }
}
