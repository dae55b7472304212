import kafkajs from 'kafkajs';
import type { Admin } from 'kafkajs';
import type { TopicDeclaration } from '#contracts';
import { CrossdockError } from '#contracts';
import { refuseDrift } from '../drift.ts';
import type { TopicAsIs } from '../drift.ts';
import { batchLimit } from '../refuse.ts';

const RETENTION = 'retention.ms';
const SIZE = 'max.message.bytes';
const CLEANUP = 'cleanup.policy';

/** Creates what is missing, with the cluster's own replication factor; refuses what differs. */
export async function ensureTopics(admin: Admin, declared: readonly TopicDeclaration[]): Promise<void> {
  const there = new Set(await admin.listTopics());
  const missing = declared.filter((topic) => !there.has(topic.name));
  if (missing.length > 0)
    await admin.createTopics({
      waitForLeaders: true,
      topics: missing.map((topic) => ({
        topic: topic.name,
        numPartitions: topic.partitions,
        replicationFactor: -1,
        configEntries: [
          { name: RETENTION, value: String(topic.retentionMs) },
          { name: SIZE, value: String(batchLimit(topic.name, topic.maxMessageBytes)) },
          { name: CLEANUP, value: 'delete' },
          { name: 'message.timestamp.type', value: 'LogAppendTime' },
        ],
      })),
    });
  refuseDrift(
    declared,
    await readTopics(
      admin,
      declared.map((topic) => topic.name),
    ),
  );
}

/** Those of the named topics that exist. A compacted one is refused: it loses records by design. */
export async function readTopics(admin: Admin, names: readonly string[]): Promise<Map<string, TopicAsIs>> {
  const there = new Set(await admin.listTopics());
  const known = names.filter((name) => there.has(name));
  if (known.length === 0) return new Map();
  const [{ topics }, { resources }] = await Promise.all([
    admin.fetchTopicMetadata({ topics: known }),
    admin.describeConfigs({
      includeSynonyms: false,
      resources: known.map((name) => ({
        type: kafkajs.ConfigResourceTypes.TOPIC,
        name,
        configNames: [RETENTION, SIZE, CLEANUP],
      })),
    }),
  ]);
  const partitions = new Map(topics.map((topic) => [topic.name, topic.partitions.length]));
  return new Map(
    resources.map((resource) => {
      const name = resource.resourceName;
      const value = new Map(resource.configEntries.map((entry) => [entry.configName, entry.configValue]));
      if (value.get(CLEANUP) !== 'delete')
        throw new CrossdockError(
          'CROSSDOCK_LOG_TOPIC_DRIFT',
          `${name}: ${CLEANUP} is ${value.get(CLEANUP)}, must be delete`,
        );
      const headroom = batchLimit(name, 0);
      const asIs: TopicAsIs = {
        name,
        partitions: partitions.get(name) ?? 0,
        retentionMs: Number(value.get(RETENTION)),
        maxMessageBytes: Number(value.get(SIZE)) - headroom,
      };
      return [name, asIs];
    }),
  );
}
