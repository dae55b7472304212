import { setTimeout as pause } from 'node:timers/promises';
import { CrossdockError } from '#contracts';
import type { SchemaRegistry } from '#schema';

export interface Waiting {
  /** called once, when the registry first gives no answer */
  onWait(error: CrossdockError): void;
  /** called once, when a registry that was waited for refuses a schema: somebody may mend it there, so it is asked again */
  onRefusal(error: unknown): void;
  /** ends the waiting; the answer is then a rejection that nobody needs to read */
  signal: AbortSignal;
  /** between two tries, ms; default 1000 */
  pauseMs?: number;
}

/**
 * The id of each schema, asked at start and never per record. A registry that is away then is waited for, as long as it takes:
 * a stage that ends because another server starts later helps nobody. Throws what trying again cannot help, such as a refused
 * schema, as long as nobody has been told to wait.
 */
export async function schemaIds(
  names: Iterable<string>,
  registry: Pick<SchemaRegistry, 'idOf'>,
  { onWait, onRefusal, signal, pauseMs = 1_000 }: Waiting,
): Promise<ReadonlyMap<string, number>> {
  const ids = new Map<string, number>();
  let waited = false;
  let refused = false;
  for (const name of new Set(names))
    while (!ids.has(name))
      try {
        ids.set(name, await registry.idOf(name));
      } catch (error) {
        const away = error instanceof CrossdockError && error.retryable;
        if (!away && !waited) throw error;
        if (!away && !refused) onRefusal(error);
        if (away && !waited) onWait(error);
        waited = true;
        refused ||= !away;
        await pause(pauseMs, undefined, { signal });
      }
  return ids;
}
