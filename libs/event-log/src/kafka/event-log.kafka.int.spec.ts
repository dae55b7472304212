import { afterAll } from '@jest/globals';
import { join } from 'node:path';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { describeEventLog } from '#testing';
import { addPartitions, deleteRecords } from '../broker/topic-admin.ts';
import { startKafkaBroker } from '../broker/start-kafka-broker.ts';
import { KafkaEventLog } from './kafka-event-log.ts';

const dir = mkdtempSync(join(tmpdir(), 'crossdock-kafka-'));
const given = process.env['KAFKA_BROKERS']?.split(',');
const leaseMs = given ? 6_000 : 2_000; // a cluster of the user's takes no shorter session
const undo: (() => Promise<void>)[] = [];

afterAll(async () => {
  for (const step of undo.toReversed()) await step();
  rmSync(dir, { recursive: true, force: true });
}, 60_000);

describeEventLog('Kafka', { disturb: !given }, async () => {
  const cache = join(process.cwd(), '.crossdock', 'kafka-jars');
  const ours = given ? undefined : await startKafkaBroker({ dir: join(dir, 'broker'), heap: '256m', cache });
  if (ours) undo.push(() => ours.stop());
  const brokers = given ?? ours!.brokers;
  const opened: KafkaEventLog[] = [];
  return {
    address: { kafka: { brokers }, leaseMs },
    open: async () => {
      const log = new KafkaEventLog({ brokers, sessionMs: leaseMs, watchEveryMs: 200 });
      opened.push(log);
      return log;
    },
    close: async () => {
      await Promise.all(opened.map((log) => log.close()));
    },
    disturb:
      ours &&
      (async () => {
        await ours.kill(1);
        await ours.start(1);
      }),
    addPartitions: (topic, count) => addPartitions(brokers, topic, count),
    passRetention: (topic, partition, before) => deleteRecords(brokers, topic, partition, before),
  };
});
