import type { Queryable } from '#db';
import { conditionsOf } from './conditions.ts';
import { DELIVERY_COLUMNS, type DeliveryRow } from './delivery-row.ts';
import type { DeliveryFilter } from './filter.ts';

export interface DeliveryPage {
  rows: DeliveryRow[];
  /** the last id of this page, if there is another */
  next: bigint | undefined;
}

/**
 * Newest first: `order by id desc` is the order of arrival, unique and indexed, so a page never repeats or skips a row
 * that was there when its first page was read.
 */
export async function deliveryPage(db: Queryable, filter: DeliveryFilter): Promise<DeliveryPage> {
  const params: unknown[] = [];
  const conditions = conditionsOf(filter, params);
  const rows = await db.query<DeliveryRow>(
    `select ${DELIVERY_COLUMNS} from delivery d
     ${conditions.length > 0 ? `where ${conditions.join(' and ')}` : ''}
     order by d.id desc limit $${params.push(filter.limit + 1)}`,
    params,
  );
  const page = rows.slice(0, filter.limit);
  return { rows: page, next: rows.length > filter.limit ? page.at(-1)!.id : undefined };
}
