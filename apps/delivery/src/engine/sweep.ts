import type { Metrics } from '#platform';
import { FIND_FORGOTTEN } from '../sql/dependency.ts';
import { releaseWaiters } from './dependencies.ts';
import type { Store } from './store.ts';

/**
 * Releases who still waits for what is already there. The locks of hold and bind make this find nothing, except after a
 * person wrote an id or a value past them; what it repairs is counted.
 */
export async function sweep(store: Store, metrics: Metrics): Promise<void> {
  const forgotten = await store.database.query<{ id: bigint }>(FIND_FORGOTTEN);
  if (forgotten.length === 0) return;
  await store.database.transaction(async (tx) => {
    await releaseWaiters(
      tx,
      forgotten.map(({ id }) => id),
    );
  });
  metrics.count('holdsRepaired', {}, forgotten.length);
}
