import type { Database } from '#db';
import { extendPartitions, type Partitioned } from '#outbox';

const byDelivery = (table: string, lock: number): Partitioned => ({
  table,
  column: 'delivery_id',
  sequence: 'delivery_id',
  size: 5_000_000n,
  ahead: 1_000_000n,
  lock,
});

const TABLES = [byDelivery('revision', 7_236_006), byDelivery('attempt', 7_236_007)];

/**
 * Makes the next partitions of revisions and attempts in time; the names of what it made. None is ever dropped: with one would go
 * the proof of what a target was told and what it answered.
 */
export async function extendDeliveries(database: Database): Promise<string[]> {
  const made: string[] = [];
  for (const table of TABLES) made.push(...(await extendPartitions(database, table)));
  return made;
}
