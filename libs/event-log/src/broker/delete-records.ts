import kafkajs from 'kafkajs';

/** Deletes what lies below `before`, as retention does (Kafka's DeleteRecords). */
export async function deleteRecords(
  brokers: readonly string[],
  topic: string,
  partition: number,
  before: bigint,
): Promise<void> {
  const admin = new kafkajs.Kafka({ brokers: [...brokers], logLevel: kafkajs.logLevel.NOTHING }).admin();
  await admin.connect();
  try {
    await admin.fetchTopicOffsets(topic); // loads the metadata that the next call needs
    await admin.deleteTopicRecords({ topic, partitions: [{ partition, offset: before.toString() }] });
  } finally {
    await admin.disconnect();
  }
}
