import kafkajs, { type Admin } from 'kafkajs';
import { patchKafkajs } from '../kafka/patches.ts';

/** What people do to topics of a broker, by themselves or because it keeps no more: for tests, and nothing of it for a stage. */
async function as<Result>(brokers: readonly string[], work: (admin: Admin) => Promise<Result>): Promise<Result> {
  patchKafkajs();
  const admin = new kafkajs.Kafka({ brokers: [...brokers], logLevel: kafkajs.logLevel.NOTHING }).admin();
  await admin.connect();
  try {
    return await work(admin);
  } finally {
    await admin.disconnect();
  }
}

/** Deletes what lies below `before`, as retention does (Kafka's DeleteRecords). */
export const deleteRecords = (
  brokers: readonly string[],
  topic: string,
  partition: number,
  before: bigint,
): Promise<void> =>
  as(brokers, async (admin) => {
    await admin.fetchTopicOffsets(topic); // loads the metadata that the next call needs
    await admin.deleteTopicRecords({ topic, partitions: [{ partition, offset: before.toString() }] });
  });

export const countPartitions = (brokers: readonly string[], topic: string): Promise<number> =>
  as(brokers, async (admin) => (await admin.fetchTopicMetadata({ topics: [topic] })).topics[0]!.partitions.length);

/** Kafka cannot take them away again. */
export const addPartitions = (brokers: readonly string[], topic: string, count: number): Promise<void> =>
  as(brokers, async (admin) => void (await admin.createPartitions({ topicPartitions: [{ topic, count }] })));

export const deleteTopic = (brokers: readonly string[], topic: string): Promise<void> =>
  as(brokers, (admin) => admin.deleteTopics({ topics: [topic] }));
