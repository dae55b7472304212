import type { Database, Transaction } from '#db';
import { find } from '#xref';
import type { Lane } from '../core/lane.ts';
import type { Missing } from '../core/plan.ts';
import { LOCK_DEPENDENCIES, RELEASE_BATCH, RELEASE_WAITERS, type ReleasedRow } from '../sql/dependency.ts';
import { LOOK_UP_VALUES, type FoundRow } from '../sql/look-up.ts';

export const wordOf = (missing: Missing): string => `${missing.kind}\n${missing.name}\n${missing.key}`;

/** What is there of `wanted`. */
export async function lookUp(
  db: Pick<Database, 'query'>,
  connection: string,
  wanted: readonly Missing[],
): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  const references = wanted.filter((item) => item.kind === 'reference');
  const ids = await find(
    db,
    connection,
    references.map((item) => ({ document: item.name, key: item.key })),
  );
  for (const [at, item] of references.entries()) {
    const id = ids[at];
    if (id !== undefined) found.set(wordOf(item), id);
  }
  const values = wanted.filter((item) => item.kind === 'value');
  if (values.length === 0) return found;
  const rows = await db.query<FoundRow>(LOOK_UP_VALUES, [
    connection,
    values.map((item) => item.name),
    values.map((item) => item.key),
  ]);
  for (const row of rows) found.set(wordOf({ kind: 'value', name: row.name, key: row.key }), row.value);
  return found;
}

/** Locks (and makes) the rows of what is waited for; `bound` marks them. Answers their ids. */
export async function lockDependencies(
  tx: Transaction,
  connection: string,
  items: readonly Missing[],
  bound: boolean,
): Promise<Map<string, bigint>> {
  const rows = await tx.query<Missing & { id: bigint }>(LOCK_DEPENDENCIES, [
    items.map(() => connection),
    items.map((item) => item.kind),
    items.map((item) => item.name),
    items.map((item) => item.key),
    bound,
  ]);
  return new Map(rows.map((row) => [wordOf(row), row.id]));
}

export async function lockReferences(tx: Transaction, lanes: readonly Lane[]): Promise<bigint[]> {
  if (lanes.length === 0) return [];
  const rows = await tx.query<{ id: bigint }>(LOCK_DEPENDENCIES, [
    lanes.map((lane) => lane.connection),
    lanes.map(() => 'reference'),
    lanes.map((lane) => lane.document),
    lanes.map((lane) => lane.key),
    true,
  ]);
  return rows.map((row) => row.id);
}

/** Releases every waiter of the dependencies, a bounded number per statement; answers the connections to wake. */
export async function releaseWaiters(tx: Transaction, dependencies: readonly bigint[]): Promise<string[]> {
  const woken = new Set<string>();
  for (;;) {
    const released = await tx.query<ReleasedRow>(RELEASE_WAITERS, [dependencies]);
    for (const { connection } of released) if (connection !== '') woken.add(connection);
    if (released.length < RELEASE_BATCH) break;
  }
  for (const connection of woken) tx.queue(`select pg_notify('${WAKE_CHANNEL}', $1)`, [connection]);
  return [...woken];
}

/** Payload: the connection that has something to do. */
export const WAKE_CHANNEL = 'crossdock_delivery';
