import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import zlib from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import kafkajs from 'kafkajs';
import type { Kafka } from 'kafkajs';
import { RecordRefused } from '#contracts';
import type { LogBatch, LogRecord, StoredRecord } from '#contracts';
import { collect, eventually, freshTopic, perKey, processFault, slowMember, text, unique } from '#testing';
import { startKafkaBroker } from '../broker/start-kafka-broker.ts';
import type { KafkaBroker } from '../broker/start-kafka-broker.ts';
import { KafkaEventLog } from './kafka-event-log.ts';

const SESSION_MS = 2_000;
/** Since Node 22.15. */
const READS_ZSTD = 'zstdDecompressSync' in zlib;
const KEYS = Array.from({ length: 12 }, (_, n) => `key${n}`);

/** Faults F26, F27, F28, F32, F33: what groups and producers go through on one broker. */
describe('a Kafka group in bad times', () => {
  const dir = mkdtempSync(join(tmpdir(), 'crossdock-members-'));
  const opened: KafkaEventLog[] = [];
  let broker: KafkaBroker;
  let log: KafkaEventLog;

  const open = (): KafkaEventLog => {
    const another = new KafkaEventLog({ brokers: broker.brokers, sessionMs: SESSION_MS });
    opened.push(another);
    return another;
  };
  beforeAll(async () => {
    const cache = join(process.cwd(), '.crossdock', 'kafka-jars');
    broker = await startKafkaBroker({ dir: join(dir, 'broker'), heap: '256m', cache });
    log = open();
  }, 120_000);
  afterAll(async () => {
    await Promise.all(opened.map((each) => each.close()));
    await broker?.stop();
    rmSync(dir, { recursive: true, force: true });
  }, 60_000);

  /** Appends a next version of every key until told to stop; resolves with the last one, all acknowledged. */
  const traffic = (topic: string, pauseMs: number): (() => Promise<number>) => {
    let stopped = false;
    const done = (async (): Promise<number> => {
      for (let version = 1; ; version++) {
        for (;;) {
          const failed = await log
            .append(KEYS.map((key) => text(topic, key, String(version))))
            .catch((error: unknown) => error);
          if (failed === undefined) break;
        }
        if (stopped) return version;
        await new Promise((resolve) => setTimeout(resolve, pauseMs));
      }
    })();
    return () => {
      stopped = true;
      return done;
    };
  };
  const versions = (last: number): string[] => Array.from({ length: last }, (_, n) => String(n + 1));
  const caughtUp = (group: string, topic: string): Promise<unknown> =>
    eventually(
      async () => (await log.lag(group, [topic])).every(({ lag }) => lag === 0n),
      `${group} has committed everything`,
      30_000,
    );

  const client = (): Kafka => new kafkajs.Kafka({ brokers: broker.brokers, logLevel: kafkajs.logLevel.NOTHING });
  const members = async (group: string): Promise<number> => {
    const admin = client().admin();
    await admin.connect();
    const { groups } = await admin.describeGroups([group]);
    await admin.disconnect();
    return groups[0]!.state === 'Stable' ? groups[0]!.members.length : 0;
  };

  /**
   * Every offset that is committed for the topic's one partition, in order, as the broker stores them: whoever asks for
   * the committed offset now and then would not see one that was moved back and forth.
   */
  const commitsOf = async (group: string, topic: string): Promise<{ offsets: bigint[]; stop(): Promise<void> }> => {
    const offsets: bigint[] = [];
    const reader = client().consumer({ groupId: unique('reader-of-commits') });
    await reader.connect();
    await reader.subscribe({ topic: '__consumer_offsets', fromBeginning: true });
    await reader.run({
      autoCommit: false,
      eachMessage: async ({ message: { key, value } }) => {
        // key: a version (0 and 1 are commits), the group, the topic, the partition; value: a version, the offset
        if (!key || !value || key.readInt16BE(0) > 1) return;
        const at = 4 + key.readInt16BE(2);
        const of = key.subarray(4, at).toString();
        const about = key.subarray(at + 2, at + 2 + key.readInt16BE(at)).toString();
        if (of === group && about === topic) offsets.push(value.readBigInt64BE(2));
      },
    });
    return { offsets, stop: () => reader.disconnect() };
  };

  it('loses nothing, keeps every key in order and never has two members at one key while members come and go', async () => {
    const topic = await freshTopic(log, { partitions: 6 });
    const group = unique('group');
    const seen: StoredRecord[] = [];
    const busy = new Map<string, number>();
    let overlaps = 0;
    const handle = async ({ records }: LogBatch): Promise<void> => {
      const keys = [...new Set(records.map(({ key }) => key))];
      for (const key of keys) {
        const others = busy.get(key) ?? 0;
        if (others > 0) overlaps++;
        busy.set(key, others + 1);
      }
      await new Promise((resolve) => setTimeout(resolve, 15));
      seen.push(...records);
      for (const key of keys) busy.set(key, busy.get(key)! - 1);
    };
    const member = () => collect(open(), group, [topic], { handle });
    const first = await member();
    await first.running.ready();
    const stop = traffic(topic, 30);
    for (let n = 0; n < 3; n++) {
      const joining = await member();
      await joining.running.ready();
      await eventually(() => joining.records.length > 0, 'it has its share');
      await new Promise((resolve) => setTimeout(resolve, 1_000));
      await joining.running.stop();
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
    const last = await stop();
    await caughtUp(group, topic);
    await first.running.stop();
    for (const key of KEYS) expect(perKey(seen).get(key)).toEqual(versions(last));
    expect(overlaps).toBe(0);
  }, 90_000);

  it('lets what a member does that was frozen past its session change nothing', async () => {
    const topic = await freshTopic(log, { partitions: 1 });
    const group = unique('group');
    const address = { kafka: { brokers: broker.brokers }, leaseMs: SESSION_MS };
    await log.append(Array.from({ length: 40 }, (_, n) => text(topic, 'k', String(n))));
    const frozen = slowMember({ address, group, topics: [topic], takeMs: 400, maxBatch: 5 });
    let commits: Awaited<ReturnType<typeof commitsOf>> | undefined;
    try {
      await eventually(
        () => frozen.handled.length >= 5 && frozen.begun.length > frozen.handled.length,
        'in hand',
        30_000,
      );
      processFault.stop(frozen.child.pid!);
      commits = await commitsOf(group, topic);
      const inHand = frozen.begun.slice(frozen.handled.length);
      const heir = await collect(open(), group, [topic]);
      await caughtUp(group, topic);
      expect(heir.values()).toEqual(expect.arrayContaining(inHand));
      const committed = async (): Promise<bigint> => (await log.lag(group, [topic]))[0]!.committed!;
      expect(await committed()).toBe(40n);
      processFault.resume(frozen.child.pid!);
      await eventually(
        () => inHand.every((value) => frozen.handled.includes(value)),
        'it goes on where it was',
        20_000,
      );
      // its commit of what it had in hand is answered before it joins again
      await eventually(async () => (await members(group)) === 2, 'it is a member again');
      await log.append(Array.from({ length: 20 }, (_, n) => text(topic, 'k', String(40 + n))));
      await eventually(async () => (await committed()) === 60n, 'the rest');
      await eventually(() => commits?.offsets.at(-1) === 60n, 'every commit up to the last one was read');
      const { offsets } = commits;
      expect(offsets).toEqual(offsets.toSorted((one, other) => Number(one - other)));
      const all = new Set([...frozen.handled, ...heir.values()]);
      expect(all.size).toBe(60);
      expect(heir.problems.filter(({ kind }) => kind !== 'unavailable')).toEqual([]);
      await heir.running.stop();
    } finally {
      await processFault.kill(frozen.child);
      await commits?.stop();
    }
  }, 90_000);

  it('goes on by itself after its broker was stopped and started under traffic', async () => {
    const topic = await freshTopic(log, { partitions: 3 });
    const group = unique('group');
    const got = await collect(log, group, [topic]);
    await got.running.ready();
    const stop = traffic(topic, 20);
    await got.until(5);
    await broker.stop();
    await broker.start(1);
    const before = got.records.length;
    await eventually(() => got.records.length > before + KEYS.length, 'records flow again');
    const last = await stop();
    await caughtUp(group, topic);
    for (const key of KEYS) expect(perKey(got.records).get(key)).toEqual(versions(last));
    expect(got.problems.filter(({ kind }) => kind !== 'unavailable')).toEqual([]);
    await got.running.stop();
  }, 90_000);

  const setTopic = async (topic: string, settings: Record<string, string>): Promise<void> => {
    const admin = client().admin();
    await admin.connect();
    await admin.alterConfigs({
      validateOnly: false,
      resources: [
        {
          type: kafkajs.ConfigResourceTypes.TOPIC,
          name: topic,
          configEntries: Object.entries({ 'cleanup.policy': 'delete', ...settings }).map(([name, value]) => ({
            name,
            value,
          })),
        },
      ],
    });
    await admin.disconnect();
  };

  it.each(['gzip', 'snappy', 'lz4', ...(READS_ZSTD ? ['zstd'] : [])])(
    'reads a topic whose broker compresses it with %s',
    async (codec) => {
      const topic = await freshTopic(log, { partitions: 1 });
      await setTopic(topic, { 'compression.type': codec });
      const sent = Array.from({ length: 2_000 }, (_, n) => text(topic, 'key', `${n} ${'again and '.repeat(n % 50)}`));
      sent.push(text(topic, 'key', randomBytes(150_000).toString('base64'))); // what does not become smaller is kept as it is
      await log.append(sent);
      const got = await collect(open(), unique('group'), [topic]);
      await got.until(sent.length, 20_000);
      expect(got.records.map(({ value }) => value?.toString())).toEqual(sent.map(({ value }) => value?.toString()));
      expect(got.problems).toEqual([]);
      await got.running.stop();
    },
    30_000,
  );

  it('names the record that a topic stopped taking, for good, and takes the others', async () => {
    const topic = await freshTopic(log, { partitions: 1, maxMessageBytes: 200_000 });
    const record = (key: string, bytes: number): LogRecord => ({ topic, key, value: Buffer.alloc(bytes), headers: {} });
    await log.append([record('fits', 100_000)]);
    await setTopic(topic, { 'max.message.bytes': '50000' });
    const large = record('large', 100_000);
    const refused = await eventually(
      async () => {
        const error = await log.append([record('small', 1_000), large]).catch((cause: unknown) => cause);
        return error instanceof RecordRefused && error;
      },
      'the record is refused',
      20_000,
    );
    expect(refused.record).toBe(large);
    await eventually(
      () =>
        log.append(Array.from({ length: 4 }, () => record('small', 20_000))).then(
          () => true,
          () => false,
        ),
      'what fits is taken, in batches that fit',
      20_000,
    );
  }, 60_000);
});
