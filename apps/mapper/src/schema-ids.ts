import { setTimeout as pause } from 'node:timers/promises';
import { CrossdockError } from '#contracts';
import type { SchemaRegistry } from '#schema';

export interface Waiting {
  /** called once, when the registry first gives no answer */
  onWait(error: CrossdockError): void;
  /** between two tries, ms; default 1000 */
  pauseMs?: number;
}

/**
 * The id of each schema, asked at start and never per record. A registry that is away then is waited for, as long as it takes:
 * a stage that ends because another server starts later helps nobody. Throws what trying again cannot help, such as a refused
 * schema.
 */
export async function schemaIds(
  names: Iterable<string>,
  registry: Pick<SchemaRegistry, 'idOf'>,
  { onWait, pauseMs = 1_000 }: Waiting,
): Promise<ReadonlyMap<string, number>> {
  const ids = new Map<string, number>();
  let waited = false;
  for (const name of new Set(names))
    while (!ids.has(name))
      try {
        ids.set(name, await registry.idOf(name));
      } catch (error) {
        if (!(error instanceof CrossdockError) || !error.retryable) throw error;
        if (!waited) onWait(error);
        waited = true;
        await pause(pauseMs);
      }
  return ids;
}
