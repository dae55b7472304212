import { afterAll } from '@jest/globals';
import { join } from 'node:path';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import kafkajs from 'kafkajs';
import { describeEventLog } from '#testing';
import { chooseKafka } from '../broker/choose-kafka.ts';
import { startKafkaBroker } from '../broker/start-kafka-broker.ts';
import { KafkaEventLog } from './kafka-event-log.ts';

const dir = mkdtempSync(join(tmpdir(), 'crossdock-kafka-'));
const cache = join(process.cwd(), '.crossdock', 'kafka-jars');
const undo: (() => Promise<void>)[] = [];

afterAll(async () => {
  for (const step of undo.toReversed()) await step();
  rmSync(dir, { recursive: true, force: true });
}, 60_000);

describeEventLog('Kafka', async () => {
  const given = process.env['KAFKA_BROKERS']?.split(',') ?? [];
  const kafka =
    given.length > 0
      ? await chooseKafka({ kafkaBrokers: given, dataDir: dir })
      : await startKafkaBroker({ dir: join(dir, 'broker'), cache, heap: '256m' });
  undo.push(() => kafka.stop());
  const opened: KafkaEventLog[] = [];
  return {
    address: { kafka: { brokers: kafka.brokers } },
    open: async () => {
      const log = new KafkaEventLog({ brokers: kafka.brokers, sessionMs: 2_000 });
      opened.push(log);
      return log;
    },
    close: async () => {
      await Promise.all(opened.map((log) => log.close()));
    },
    passRetention: async (topic, partition, before) => {
      const admin = new kafkajs.Kafka({ brokers: kafka.brokers, logLevel: kafkajs.logLevel.NOTHING }).admin();
      await admin.connect();
      await admin.fetchTopicOffsets(topic); // loads the metadata that the next call needs
      await admin.deleteTopicRecords({ topic, partitions: [{ partition, offset: before.toString() }] });
      await admin.disconnect();
    },
  };
});
