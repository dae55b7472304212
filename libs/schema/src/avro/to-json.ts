import { Decimal } from '#contracts';
import { bareObject, JsonNumber } from '../json/value.ts';
import type { Json } from '../json/value.ts';
import type { AvroRecord, AvroValue } from './record.ts';

/**
 * The JSON form of a record, the one `fromJson` reads: decimals and longs as text, instants in UTC, dates as they are.
 * Absent fields are left out; what is in `cleared` is in `cleared`. For screens, cases and `mapping try`.
 */
export function toJson(record: AvroRecord): Json {
  const json = bareObject();
  for (const [name, value] of Object.entries(record)) if (value !== null) json[name] = valueToJson(value);
  return json;
}

function valueToJson(value: AvroValue): Json {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return value;
  if (typeof value === 'bigint') return String(value);
  if (typeof value === 'number') return Number.isFinite(value) ? new JsonNumber(JSON.stringify(value)) : null;
  if (value instanceof Date) return value.toISOString();
  if (Decimal.isDecimal(value)) return (value as Decimal).toFixed();
  if (Buffer.isBuffer(value)) return value.toString('base64');
  if (Array.isArray(value)) return value.map(valueToJson);
  return toJson(value as AvroRecord);
}
