import type { TopicDeclaration } from '#contracts';
import type { Database } from '#db';
import { refuseDrift } from '../drift.ts';
import type { TopicAsIs } from '../drift.ts';

const READ_TOPICS = `
  select topic as name, partitions, retention_ms, max_message_bytes from log_topic where topic = any($1::text[])`;

interface TopicRow {
  name: string;
  partitions: number;
  retention_ms: bigint;
  max_message_bytes: number;
}

const CREATE_TOPICS = `
  insert into log_topic (topic, partitions, retention_ms, max_message_bytes)
  select * from unnest($1::text[], $2::int[], $3::bigint[], $4::int[])
  on conflict (topic) do nothing`;

/** `order by`: two processes that start together insert in the same order. */
const CREATE_PARTITIONS = `
  insert into log_partition (topic, partition)
  select t.topic, p from log_topic t, generate_series(0, t.partitions - 1) p where t.topic = any($1::text[])
  order by t.topic, p
  on conflict do nothing`;

export async function readTopics(database: Database, names: readonly string[]): Promise<Map<string, TopicAsIs>> {
  const rows = await database.query<TopicRow>(READ_TOPICS, [names]);
  return new Map(
    rows.map((row) => [
      row.name,
      {
        name: row.name,
        partitions: row.partitions,
        retentionMs: Number(row.retention_ms),
        maxMessageBytes: row.max_message_bytes,
      },
    ]),
  );
}

/** Creates what is missing, refuses what differs. At start-up, by every process. */
export async function ensureTopics(database: Database, declared: readonly TopicDeclaration[]): Promise<void> {
  const topics = [...declared].sort((a, b) => (a.name < b.name ? -1 : 1));
  const names = topics.map((topic) => topic.name);
  await database.transaction(async (tx) => {
    await tx.query(CREATE_TOPICS, [
      names,
      topics.map((topic) => topic.partitions),
      topics.map((topic) => topic.retentionMs),
      topics.map((topic) => topic.maxMessageBytes),
    ]);
    await tx.query(CREATE_PARTITIONS, [names]);
  });
  refuseDrift(topics, await readTopics(database, names));
}
