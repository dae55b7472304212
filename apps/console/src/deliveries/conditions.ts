import { FINISHED } from '#contracts';
import { UNFINISHED_SQL } from '../status/unfinished.ts';
import type { DeliveryFilter } from './filter.ts';

/** What a filter asks of a row `d` of `delivery`. Made of fixed text; the values are added to `params`. */
export function conditionsOf(filter: DeliveryFilter, params: unknown[]): string[] {
  const conditions: string[] = [];
  const where = (value: unknown, condition: (parameter: string) => string): void => {
    if (value !== undefined) conditions.push(condition(`$${params.push(value)}`));
  };
  where(filter.flow, (p) => `d.flow = ${p}`);
  where(filter.target, (p) => `d.connection = ${p}`);
  where(filter.statuses, (p) => `d.status = any(${p}::text[])`);
  // the partial indexes
  if (filter.statuses?.every((status) => !FINISHED.has(status))) conditions.push(UNFINISHED_SQL);
  if (filter.statuses?.every((status) => FINISHED.has(status)))
    where(filter.statuses, (p) => `d.ended = any(${p}::text[])`);
  where(filter.errorClass, (p) => `d.error_class = ${p}`);
  where(filter.keys, (p) => `d.key = any(${p}::text[])`);
  where(filter.entity, (p) => `d.entity = ${p}`);
  where(filter.after, (p) => `d.id < ${p}`);
  return conditions;
}
