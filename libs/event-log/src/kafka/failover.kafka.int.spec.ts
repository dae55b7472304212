import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import kafkajs from 'kafkajs';
import type { Producer } from 'kafkajs';
import type { LogRecord, StoredRecord } from '#contracts';
import { collect, eventually, GOOD, judgeAppends, perKey, text } from '#testing';
import type { Judgement } from '#testing';
import { startKafkaBroker } from '../broker/start-kafka-broker.ts';
import type { KafkaBroker } from '../broker/start-kafka-broker.ts';
import { RETRY } from './client.ts';
import { KafkaEventLog } from './kafka-event-log.ts';

const WORKERS = 4;
const PER_CALL = 20;
const MOST_ROUNDS = 8;

/**
 * Three brokers, three copies, two in sync; the leader of a partition is killed while four workers append. What the log
 * holds is compared with what was acknowledged, record by record: counting resolved promises or offsets hides the loss.
 */
describe('when the leader of a partition is killed', () => {
  const dir = mkdtempSync(join(tmpdir(), 'crossdock-failover-'));
  let cluster: KafkaBroker;
  let log: KafkaEventLog;
  let rounds = 0;

  beforeAll(async () => {
    const cache = join(process.cwd(), '.crossdock', 'kafka-jars');
    cluster = await startKafkaBroker({ dir: join(dir, 'cluster'), nodes: 3, heap: '256m', cache });
    log = new KafkaEventLog({ brokers: cluster.brokers });
  }, 180_000);
  afterAll(async () => {
    await log?.close();
    await cluster?.stop();
    rmSync(dir, { recursive: true, force: true });
  }, 60_000);

  /** Gives what the log holds against what was acknowledged, and whether appending worked again in the end. */
  const round = async (
    append: (records: LogRecord[]) => Promise<void>,
  ): Promise<Judgement & { recovered: boolean }> => {
    const topic = `failover.${++rounds}`;
    const base = { retentionMs: 3_600_000, maxMessageBytes: 100_000, writer: 'relay', key: '', value: '' } as const;
    await log.ensureTopics([{ ...base, name: topic, partitions: 3 }]);
    const seen: StoredRecord[] = [];
    const reader = await log.subscribe({
      group: `reader of ${topic}`,
      topics: [topic],
      handle: async ({ records }) => void seen.push(...records),
    });
    await reader.ready();
    const acknowledged: string[] = [];
    const ending = new AbortController();
    let lastAcknowledged = 0;
    const workers = Array.from({ length: WORKERS }, async (_, worker) => {
      for (let n = 0; !ending.signal.aborted; n++) {
        const records = Array.from({ length: PER_CALL }, (_unused, at) => ({
          topic,
          key: `k${worker}-${at}`,
          value: Buffer.from(`${worker}-${at}:${n}`),
          headers: {},
        }));
        try {
          await append(records);
          acknowledged.push(...records.map((record) => record.value.toString()));
          lastAcknowledged = performance.now();
        } catch {
          await new Promise((resolve) => setTimeout(resolve, 50)); // not acknowledged: not counted
        }
      }
    });
    await eventually(() => acknowledged.length > 4_000, 'traffic', 60_000);
    const leader = await leaderOf(topic, 0);
    await cluster.kill(leader);
    const killed = performance.now();
    const recovered = await eventually(() => lastAcknowledged > killed + 6_000, 'appending works again', 25_000).then(
      () => true,
      () => false,
    );
    ending.abort();
    await cluster.start(leader);
    await Promise.all(workers);
    await eventually(
      async () => (await log.lag(`reader of ${topic}`, [topic])).every((at) => at.lag === 0n),
      'all read',
      60_000,
    );
    await reader.stop();
    return { ...judgeAppends(acknowledged, seen), recovered };
  };

  const leaderOf = async (topic: string, partition: number): Promise<number> => {
    const admin = new kafkajs.Kafka({ brokers: cluster.brokers, logLevel: kafkajs.logLevel.NOTHING }).admin();
    await admin.connect();
    const { topics } = await admin.fetchTopicMetadata({ topics: [topic] });
    await admin.disconnect();
    return topics[0]!.partitions.find((each) => each.partitionId === partition)!.leader;
  };

  it('loses, doubles and inverts nothing, and a running consumer gets all that was acknowledged', async () => {
    expect(await round((records) => log.append(records))).toEqual({ ...GOOD, recovered: true });
  }, 120_000);

  it('loses nothing and keeps every key in order when the broker that coordinates the group is killed', async () => {
    const topic = `coordinator.${++rounds}`;
    const base = { retentionMs: 3_600_000, maxMessageBytes: 100_000, writer: 'relay', key: '', value: '' } as const;
    await log.ensureTopics([{ ...base, name: topic, partitions: 3 }]);
    const group = `group of ${topic}`;
    const got = await collect(log, group, [topic]);
    await got.running.ready();
    const keys = Array.from({ length: 9 }, (_, n) => `k${n}`);
    let version = 0;
    const acknowledged: string[] = [];
    const append = async (): Promise<void> => {
      const records = keys.map((key) => text(topic, key, `${key}:${version + 1}`));
      await log.append(records); // an append that fails would have waited longer than a failover takes
      acknowledged.push(...records.map(({ value }) => value!.toString()));
      version++;
    };
    while (version < 20) await append();
    const coordinator = await leaderOf('__consumer_offsets', offsetsPartition(group));
    await cluster.kill(coordinator);
    const until = version + 200;
    while (version < until) await append();
    await cluster.start(coordinator);
    await append();
    await got.until(acknowledged.length, 60_000);
    await eventually(async () => (await log.lag(group, [topic])).every((at) => at.lag === 0n), 'all committed', 60_000);
    expect(judgeAppends(acknowledged, got.records)).toEqual(GOOD);
    for (const key of keys)
      expect(perKey(got.records).get(key)).toEqual(Array.from({ length: version }, (_, n) => `${key}:${n + 1}`));
    expect(got.problems.filter(({ kind }) => kind !== 'unavailable')).toEqual([]);
    await got.running.stop();
  }, 120_000);

  it('would lose acknowledged records with the ordinary send() of kafkajs, or never recover', async () => {
    for (let n = 0; n < MOST_ROUNDS; n++) {
      const producer: Producer = new kafkajs.Kafka({
        brokers: cluster.brokers,
        logLevel: kafkajs.logLevel.NOTHING,
        retry: RETRY,
      }).producer({
        idempotent: true,
        maxInFlightRequests: 1,
        createPartitioner: kafkajs.Partitioners.DefaultPartitioner,
      });
      await producer.connect();
      const { lost, recovered } = await round(async (records) => {
        const messages = records.map(({ key, value, headers }) => ({ key, value, headers: { ...headers } }));
        await producer.send({ topic: records[0]!.topic, acks: -1, messages });
      });
      await producer.disconnect();
      if (lost.length > 0 || !recovered) return;
    }
    throw new Error(`the ordinary send() lost nothing in ${MOST_ROUNDS} rounds: is this test still able to see?`);
  }, 480_000);
});

/** Whoever leads this partition of `__consumer_offsets` (four here) coordinates the group: Java's `String.hashCode`. */
function offsetsPartition(group: string): number {
  let hash = 0;
  for (const letter of group) hash = (Math.imul(31, hash) + letter.charCodeAt(0)) | 0;
  return (hash & 0x7fffffff) % 4;
}
