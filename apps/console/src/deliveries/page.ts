import { FINISHED } from '#contracts';
import type { Queryable } from '#db';
import { UNFINISHED_SQL } from '../status/unfinished.ts';
import { DELIVERY_COLUMNS, type DeliveryRow } from './delivery-row.ts';
import type { DeliveryFilter } from './filter.ts';

export interface DeliveryPage {
  rows: DeliveryRow[];
  /** the last id of this page, if there is another */
  next: bigint | undefined;
}

/**
 * Newest first: `order by id desc` is the order of arrival, unique and indexed, so a page never repeats or skips a row
 * that was there when its first page was read. The conditions are made of fixed text; values are parameters.
 */
export async function deliveryPage(db: Queryable, filter: DeliveryFilter): Promise<DeliveryPage> {
  const params: unknown[] = [];
  const conditions: string[] = [];
  const where = (value: unknown, condition: (parameter: string) => string): void => {
    if (value !== undefined) conditions.push(condition(`$${params.push(value)}`));
  };
  where(filter.flow, (p) => `d.flow = ${p}`);
  where(filter.target, (p) => `d.connection = ${p}`);
  where(filter.statuses, (p) => `d.status = any(${p}::text[])`);
  if (filter.statuses?.every((status) => !FINISHED.has(status))) conditions.push(UNFINISHED_SQL); // the partial index
  where(filter.errorClass, (p) => `d.error_class = ${p}`);
  where(filter.keys, (p) => `d.key = any(${p}::text[])`);
  where(filter.entity, (p) => `d.entity = ${p}`);
  where(filter.after, (p) => `d.id < ${p}`);
  const rows = await db.query<DeliveryRow>(
    `select ${DELIVERY_COLUMNS} from delivery d
     ${conditions.length > 0 ? `where ${conditions.join(' and ')}` : ''}
     order by d.id desc limit $${params.push(filter.limit + 1)}`,
    params,
  );
  const page = rows.slice(0, filter.limit);
  return { rows: page, next: rows.length > filter.limit ? page.at(-1)!.id : undefined };
}
