import { CrossdockError } from '#contracts';
import type { TopicDeclaration } from '#contracts';

/** What the log has, in the words of the declaration. */
export type TopicAsIs = Pick<TopicDeclaration, 'name' | 'partitions' | 'retentionMs' | 'maxMessageBytes'>;

/** Where the way out stands. */
export const PROCEDURE = 'docs/guides/operate.md, "The number of partitions has changed", tells how';

/**
 * Refuses topics that differ from their declaration, all of them in one message: another number of partitions moves
 * keys, a shorter retention loses records, a smaller size refuses them later. Called by `ensureTopics` of both adapters.
 */
export function refuseDrift(declared: readonly TopicDeclaration[], found: ReadonlyMap<string, TopicAsIs>): void {
  const lines: string[] = [];
  for (const topic of declared) {
    const asIs = found.get(topic.name);
    if (!asIs) continue;
    for (const what of ['partitions', 'retentionMs', 'maxMessageBytes'] as const)
      if (asIs[what] !== topic[what]) lines.push(`${topic.name}: ${what} is ${asIs[what]}, declared ${topic[what]}`);
  }
  if (lines.length > 0)
    throw new CrossdockError(
      'CROSSDOCK_LOG_TOPIC_DRIFT',
      `topics differ from their declaration; change them or the declaration:\n${lines.join('\n')}` +
        (lines.some((line) => line.includes(': partitions is ')) ? `\n${PROCEDURE}` : ''),
    );
}

export function unknownTopic(topic: string): CrossdockError {
  return new CrossdockError(
    'CROSSDOCK_LOG_TOPIC_UNKNOWN',
    `there is no topic ${topic}: topics are declared, never auto-created`,
  );
}
