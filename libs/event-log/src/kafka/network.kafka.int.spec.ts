import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import kafkajs from 'kafkajs';
import type { LogBatch, StoredRecord } from '#contracts';
import { eventually, freshTopic, GOOD, judgeAppends, seeded, TcpProxy, text, unique } from '#testing';
import { startKafkaBroker } from '../broker/start-kafka-broker.ts';
import type { KafkaBroker } from '../broker/start-kafka-broker.ts';
import { readToEnd } from '../read-to-end.ts';
import { KafkaEventLog } from './kafka-event-log.ts';
import { rawProducer } from './raw-producer.ts';

const WORKERS = 4;
const KEYS_PER_WORKER = 12;
const ROUNDS = 3;
/** So that a request is longer than what a connection says before it, and most cuts go through one. */
const PADDING = { padding: 'x'.repeat(200) };

/** Fault F26: a batch is in the log and its answer is lost, or half of either. Our own producer, a proxy, a real broker. */
describe('a network that fails between the producer and Kafka', () => {
  const dir = mkdtempSync(join(tmpdir(), 'crossdock-network-'));
  let broker: KafkaBroker;
  let proxy: TcpProxy;
  /** comes by the proxy, and stays with it: it is the address that the broker tells */
  let log: KafkaEventLog;
  /** comes by the other listener */
  let direct: KafkaEventLog;
  let through: string;
  const members: KafkaEventLog[] = [];

  beforeAll(async () => {
    const cache = join(process.cwd(), '.crossdock', 'kafka-jars');
    broker = await startKafkaBroker({
      dir: join(dir, 'broker'),
      heap: '256m',
      cache,
      sideDoor: async (port) => (proxy = await TcpProxy.open({ host: '127.0.0.1', port })).port,
    });
    through = `127.0.0.1:${proxy.port}`;
    log = new KafkaEventLog({ brokers: [through] });
    direct = new KafkaEventLog({ brokers: broker.brokers });
  }, 120_000);
  afterAll(async () => {
    proxy?.heal();
    await Promise.all(members.map((member) => member.close()));
    await log?.close();
    await direct?.close();
    await proxy?.close();
    await broker?.stop();
    rmSync(dir, { recursive: true, force: true });
  }, 60_000);

  const everything = async (topic: string): Promise<StoredRecord[]> => {
    const records: StoredRecord[] = [];
    await readToEnd(direct, [topic], (some) => void records.push(...some));
    return records;
  };
  const values = async (topic: string): Promise<string[]> =>
    (await everything(topic)).map(({ value }) => value!.toString());

  it('appends once when the answer is lost after the broker has the batch', async () => {
    const topic = await freshTopic(direct, { partitions: 1 });
    const lost = Array.from({ length: 5 }, (_, n) => `lost:${n + 1}`);
    await log.append([text(topic, 'k', 'calm')]);
    for (const value of lost) {
      const { accepted } = proxy;
      proxy.next = { sees: Buffer.from(value), lose: 'answer' };
      await log.append([text(topic, 'k', value)]);
      expect(proxy.next).toBeUndefined();
      expect(proxy.accepted).toBeGreaterThan(accepted);
    }
    expect(await values(topic)).toEqual(['calm', ...lost]);
  });

  it('appends once also when it is cut off in its first words: asking for versions, for its id, for the leader', async () => {
    const topic = await freshTopic(direct, { partitions: 1 });
    const sent: string[] = [];
    const first = async (weather: Pick<TcpProxy, 'toServer' | 'toClient'>): Promise<void> => {
      const value = `first:${sent.length}`;
      sent.push(value);
      Object.assign(proxy, weather);
      const { accepted } = proxy;
      const producer = rawProducer({ brokers: [through] });
      const done = producer.send(topic, 0, [{ key: 'k', value: Buffer.from(value), headers: PADDING }]);
      await eventually(() => proxy.accepted >= accepted + 2, 'it has tried again');
      proxy.heal();
      await done;
      await producer.close();
    };
    // it says 51 + 40 + 68 bytes and then the batch, and hears 743 + 26 + 137 and then 80: each cut goes through another one
    for (const bytes of [400, 755, 850, 950]) await first({ toServer: {}, toClient: { cutAfterBytes: bytes } });
    for (const bytes of [10, 70, 120, 300]) await first({ toServer: { cutAfterBytes: bytes }, toClient: {} });
    expect(await values(topic)).toEqual(sent);
  });

  it('would append twice with a producer that does not number its batches', async () => {
    const topic = await freshTopic(direct, { partitions: 1 });
    const producer = new kafkajs.Kafka({ brokers: [through], logLevel: kafkajs.logLevel.NOTHING }).producer();
    await producer.connect();
    await producer.send({ topic, messages: [{ key: 'k', value: 'calm' }] });
    proxy.next = { sees: Buffer.from('lost:1'), lose: 'answer' };
    await producer.send({ topic, messages: [{ key: 'k', value: 'lost:1' }] });
    await producer.disconnect();
    expect(await values(topic)).toEqual(['calm', 'lost:1', 'lost:1']);
  });

  it('has every acknowledged record once and in order of its key, whatever is swallowed, reset and cut', async () => {
    const topic = await freshTopic(direct, { partitions: 6 });
    const acknowledged = new Set<string>();
    const failures: unknown[] = [];
    const ending = new AbortController();
    await log.append([text(topic, 'k', 'calm:0')]);
    const workers = Array.from({ length: WORKERS }, async (_, worker) => {
      const keys = Array.from({ length: KEYS_PER_WORKER }, (_unused, at) => `${worker}-${at}`);
      for (let n = 1; !ending.signal.aborted; n++) {
        const records = keys.map((key) => ({ ...text(topic, key, `${key}:${n}`), headers: PADDING }));
        try {
          await log.append(records);
          for (const { value } of records) acknowledged.add(value!.toString());
        } catch (error) {
          failures.push(error);
        }
      }
    });
    const inLog = async (): Promise<number> =>
      (await direct.lag('nobody', [topic])).reduce((sum, { end }) => sum + Number(end), 0);
    const flows = async (): Promise<void> => {
      const before = acknowledged.size;
      await eventually(() => acknowledged.size > before + 200, 'records are acknowledged');
    };
    const redialled = async (times: number): Promise<void> => {
      const { accepted } = proxy;
      await eventually(() => proxy.accepted >= accepted + times, 'connections are made anew');
    };
    const random = seeded(26);
    const faults = [
      async () => {
        proxy.toClient = { swallow: true };
        await eventually(async () => (await inLog()) > acknowledged.size + KEYS_PER_WORKER, 'appended, unanswered');
      },
      async () => {
        proxy.toClient = { cutAfterBytes: 700 + random.below(1_200) };
        await redialled(2);
      },
      async () => {
        proxy.toServer = { cutAfterBytes: 300 + random.below(6_000) };
        await redialled(2);
      },
      async () => proxy.reset(),
      async () => {
        proxy.down = true;
        proxy.reset();
        await redialled(1);
      },
    ];
    for (let round = 0; round < ROUNDS; round++)
      for (const fault of faults) {
        await flows();
        await fault();
        proxy.reset();
        proxy.heal();
      }
    await flows();
    ending.abort();
    await Promise.all(workers);
    expect(judgeAppends(acknowledged, await everything(topic))).toEqual(GOOD);
    expect(failures).toEqual([]);
  }, 60_000);

  it('reads on when an answer was cut off in the middle', async () => {
    const topic = await freshTopic(direct, { partitions: 1 });
    const long = 'x'.repeat(60_000);
    const read: string[] = [];
    const reader = await log.subscribe({
      group: unique('reader'),
      topics: [topic],
      handle: async ({ records }) => void read.push(...records.map(({ value }) => value!.toString())),
    });
    try {
      await direct.append([text(topic, 'k', 'calm')]);
      await eventually(() => read.length === 1, 'it reads');
      for (let times = 1; times <= 3; times++) {
        const { accepted } = proxy;
        proxy.toClient = { cutAfterBytes: 20_000 };
        await direct.append([text(topic, 'k', long)]);
        await eventually(() => proxy.accepted > accepted, 'the answer was cut off');
        proxy.heal();
        await eventually(() => read.length === 1 + times, 'it reads on');
      }
    } finally {
      await reader.stop();
    }
    expect(read).toEqual(['calm', long, long, long]);
  });

  it('comes back into its group when the answer that names its partitions is lost', async () => {
    const topic = await freshTopic(direct, { partitions: 4 });
    const group = unique('reader');
    const read = new Set<string>();
    const reader = await log.subscribe({
      group,
      topics: [topic],
      handle: async ({ records }) => records.forEach(({ value }) => read.add(value!.toString())),
    });
    const another = new kafkajs.Kafka({
      clientId: 'another-member', // its name is in what the first one, who leads the group, says of the partitions
      brokers: [...broker.brokers],
      logLevel: kafkajs.logLevel.NOTHING,
    }).consumer({ groupId: group });
    try {
      await reader.ready();
      proxy.next = { sees: Buffer.from('another-member'), lose: 'answer' };
      await another.connect();
      await another.subscribe({ topics: [topic] });
      await another.run({ eachMessage: async ({ message }) => void read.add(message.value!.toString()) });
      await eventually(() => proxy.next === undefined, 'the answer is lost');
      const keys = Array.from({ length: 40 }, (_, n) => `key ${n}`);
      await direct.append(keys.map((key) => text(topic, key, key)));
      await eventually(() => keys.every((key) => read.has(key)), 'both members read');
    } finally {
      await another.disconnect();
      await reader.stop();
    }
  });

  it('hands every record to a group of two, whatever is swallowed, reset and cut between them and Kafka', async () => {
    const topic = await freshTopic(direct, { partitions: 6 });
    const group = unique('reader');
    const read = new Set<string>();
    members.push(...[1, 2].map(() => new KafkaEventLog({ brokers: [through], sessionMs: 3_000 })));
    for (const member of members) {
      const handle = async ({ records }: LogBatch): Promise<void> =>
        records.forEach(({ value }) => read.add(value!.toString()));
      await (await member.subscribe({ group, topics: [topic], handle })).ready();
    }
    const random = seeded(27);
    const faults = [
      () => proxy.reset(),
      () => void (proxy.toClient = { swallow: true }),
      () => void (proxy.toServer = { swallow: true }),
      () => void (proxy.toClient = { cutAfterBytes: random.below(4_000) }),
      () => {
        proxy.down = true;
        proxy.reset();
      },
    ];
    for (let round = 0; round < 2 * faults.length; round++) {
      for (let times = random.below(3); times >= 0; times--) {
        faults[(round + times) % faults.length]!();
        await new Promise((resolve) => setTimeout(resolve, random.pick([20, 100, 500, 1_500])));
        proxy.reset();
        proxy.heal();
      }
      const keys = Array.from({ length: 30 }, (_, n) => `${round}: ${n}`);
      await direct.append(keys.map((key) => text(topic, key, key)));
      await eventually(() => keys.every((key) => read.has(key)), `all of round ${round} is read`);
    }
  }, 180_000);
});
