import type { Decimal } from '#contracts';

/**
 * A record in memory: decimals `Decimal`, longs bigint, ints number, instants Date, dates `YYYY-MM-DD`, enums and texts
 * string, absent `null`, maps objects that inherit nothing.
 */
export type AvroValue = null | boolean | number | bigint | string | Date | Decimal | Buffer | AvroValue[] | AvroRecord;
export interface AvroRecord {
  [field: string]: AvroValue;
}
