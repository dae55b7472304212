import type { Queryable } from '#db';
import { attemptsOf } from './attempts.ts';
import { DELIVERY_COLUMNS, deliveryItem, type DeliveryRow } from './delivery-row.ts';
import { explainHolds, type Hold } from './holds.ts';

export type DeliveryDetail = ReturnType<typeof withAttempts>;

const ONE = `select ${DELIVERY_COLUMNS} from delivery d where d.id = $1`;

/** One delivery with its attempts and, where it is held, what it waits for. */
export async function deliveryDetail(db: Queryable, id: bigint): Promise<DeliveryDetail | undefined> {
  const [detail] = await detailsOf(db, await db.query<DeliveryRow>(ONE, [id]));
  return detail;
}

export async function detailsOf(db: Queryable, rows: readonly DeliveryRow[]): Promise<DeliveryDetail[]> {
  const ids = rows.map(({ id }) => id);
  const attempts = await attemptsOf(db, ids);
  const held = rows.filter(({ status }) => status === 'HELD_DEPENDENCY').map(({ id }) => id);
  const holds = await explainHolds(db, held);
  return rows.map((row) => withAttempts(row, attempts.get(row.id) ?? [], holds.get(row.id)));
}

function withAttempts(
  row: DeliveryRow,
  attempts: Awaited<ReturnType<typeof attemptsOf>> extends Map<bigint, infer A> ? A : never,
  holds: Hold[] | undefined,
) {
  return { ...deliveryItem(row), attempts, holds };
}
