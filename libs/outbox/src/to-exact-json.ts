import { Decimal, CrossdockError } from '#contracts';
import { JsonNumber, jsonObject, parseExactJson, type Json } from '#schema';

/** A service's object or text as an exact JSON tree. Throws `CROSSDOCK_OUTBOX_DATA` for what JSON cannot say. */
export function toExactJson(data: object | string): Json {
  if (typeof data !== 'string') return convert(data, '');
  try {
    return parseExactJson(data);
  } catch (cause) {
    throw refused('the data is not JSON', cause);
  }
}

function convert(value: unknown, path: string): Json {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return value;
  if (value instanceof JsonNumber) return value;
  if (typeof value === 'bigint') return new JsonNumber(String(value));
  if (typeof value === 'number') return number(value, path);
  if (value instanceof Date) return instant(value, path);
  if (Decimal.isDecimal(value)) return (value as Decimal).toFixed();
  if (Array.isArray(value)) return value.map((item, at) => convert(item, `${path}[${at}]`));
  if (typeof value !== 'object') throw refused(`${path || 'the data'} is a ${typeof value}`);
  const object = jsonObject();
  for (const [name, member] of Object.entries(value))
    if (member !== undefined) object[name] = convert(member, path ? `${path}.${name}` : name);
  return object;
}

function number(value: number, path: string): Json {
  if (!Number.isFinite(value)) throw refused(`${path} is not a finite number`);
  if (Number.isInteger(value) && !Number.isSafeInteger(value))
    throw refused(`${path} is beyond what a number holds exactly: use bigint or text`);
  return new JsonNumber(String(value));
}

function instant(value: Date, path: string): Json {
  if (Number.isNaN(value.getTime())) throw refused(`${path} is not a valid date`);
  return value.toISOString();
}

function refused(why: string, cause?: unknown): CrossdockError {
  return new CrossdockError('CROSSDOCK_OUTBOX_DATA', `appending an event: ${why}`, { cause });
}
