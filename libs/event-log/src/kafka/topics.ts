import kafkajs from 'kafkajs';
import type { Admin } from 'kafkajs';
import type { TopicDeclaration } from '#contracts';
import { CrossdockError } from '#contracts';
import { refuseDrift } from '../drift.ts';
import type { TopicAsIs } from '../drift.ts';
import { batchLimit } from '../refuse.ts';
import { refuseUnreadable } from './codecs.ts';
import { whenSettled } from './settled.ts';

const RETENTION = 'retention.ms';
const SIZE = 'max.message.bytes';
const CLEANUP = 'cleanup.policy';
const COMPRESSION = 'compression.type';

/** Creates what is missing, with the cluster's own replication factor and compression; refuses what differs. */
export async function ensureTopics(admin: Admin, declared: readonly TopicDeclaration[]): Promise<void> {
  const there = new Set(await admin.listTopics());
  const missing = declared.filter((topic) => !there.has(topic.name));
  if (missing.length > 0)
    await admin.createTopics({
      waitForLeaders: false, // kafkajs throws when a topic is not known everywhere yet
      timeout: 30_000,
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
    await complete(
      admin,
      declared.map((topic) => topic.name),
    ),
  );
}

const COMPLETE_WITHIN_MS = 30_000;

/** All of them, when each is known with its settings; a new one takes a moment to show. */
async function complete(admin: Admin, names: readonly string[]): Promise<Map<string, TopicAsIs>> {
  const end = performance.now() + COMPLETE_WITHIN_MS;
  for (;;) {
    const found = await readTopics(admin, names);
    const missing = names.filter((name) => !found.get(name)?.partitions);
    if (missing.length === 0) return found;
    if (performance.now() > end)
      throw new CrossdockError('CROSSDOCK_LOG_TOPICS_MISSING', `not there after 30 s: ${missing.join(', ')}`, {
        retryable: true,
      });
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** Those of the named topics that exist. A compacted one is refused: it loses records by design; so is a codec that this Node lacks. */
export async function readTopics(admin: Admin, names: readonly string[]): Promise<Map<string, TopicAsIs>> {
  const there = new Set(await admin.listTopics());
  const known = names.filter((name) => there.has(name));
  if (known.length === 0) return new Map();
  const [{ topics }, { resources }] = await whenSettled(() =>
    Promise.all([
      admin.fetchTopicMetadata({ topics: known }),
      admin.describeConfigs({
        includeSynonyms: false,
        resources: known.map((name) => ({
          type: kafkajs.ConfigResourceTypes.TOPIC,
          name,
          configNames: [RETENTION, SIZE, CLEANUP, COMPRESSION],
        })),
      }),
    ]),
  );
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
      refuseUnreadable(name, value.get(COMPRESSION));
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
