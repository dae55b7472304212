import type { Admin } from 'kafkajs';

const PAUSE_MS = 100;

/** What a cluster answers while it is still making up its mind: after a start, a failover, a topic's creation. */
const UNSETTLED = new Set([
  'NOT_COORDINATOR_FOR_GROUP',
  'GROUP_COORDINATOR_NOT_AVAILABLE',
  'GROUP_LOAD_IN_PROGRESS',
  'UNKNOWN_TOPIC_OR_PARTITION',
  'LEADER_NOT_AVAILABLE',
  'NOT_LEADER_FOR_PARTITION',
  'NOT_CONTROLLER',
]);

/** Asks again for as long as the cluster is unsettled, at most `limitMs`; kafkajs's admin client retries only some of these. */
export async function whenSettled<T>(ask: () => Promise<T>, limitMs = 15_000): Promise<T> {
  const end = performance.now() + limitMs;
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      if (!isUnsettled(error) || performance.now() > end) throw error;
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
  }
}

type Offsets = Awaited<ReturnType<Admin['fetchTopicOffsets']>>;

/** The bounds of a topic's partitions. kafkajs stumbles over a topic of which the cluster names no partition yet: it was made just now. */
export function topicOffsets(admin: Admin, topic: string): Promise<Offsets> {
  return whenSettled(() =>
    admin.fetchTopicOffsets(topic).catch((cause: unknown) => {
      const stumbled = cause instanceof Error && cause.name === 'TypeError';
      throw stumbled
        ? Object.assign(new Error(`${topic} has no partition yet`, { cause }), { type: 'LEADER_NOT_AVAILABLE' })
        : cause;
    }),
  );
}

function isUnsettled(error: unknown): boolean {
  return typeof error === 'object' && error !== null && 'type' in error && UNSETTLED.has(String(error.type));
}
