/** Business dates are `YYYY-MM-DD` strings, in Avro the days since 1970-01-01; instants are Date. */
const DAY = 86_400_000;
const DATE = /^(\d{4})-(\d{2})-(\d{2})$/;
const DATE_TIME = /^(\d{4}-\d{2}-\d{2})[Tt ](\d{2}):(\d{2})(?::(\d{2})(?:[.,](\d+))?)?([Zz]|[+-]\d{2}(?::?\d{2})?)?$/;

/** Days since 1970-01-01, or undefined when the text is no day of the calendar. */
export function daysOfDate(text: string): number | undefined {
  const parts = DATE.exec(text);
  if (!parts) return undefined;
  const year = Number(parts[1]);
  const month = Number(parts[2]);
  const day = Number(parts[3]);
  const utc = new Date(0);
  utc.setUTCFullYear(year, month - 1, day);
  if (utc.getUTCMonth() !== month - 1 || utc.getUTCDate() !== day) return undefined;
  return utc.getTime() / DAY;
}

export function dateOfDays(days: number): string {
  return new Date(days * DAY).toISOString().slice(0, 10);
}

/** An ISO 8601 date or date-time taken apart. */
export type When = { date: string } | { date: string; localMs: number; offsetMs?: number };

/** Undefined when the text is neither a date nor a date-time of the calendar. Digits below a millisecond are dropped. */
export function parseWhen(text: string): When | undefined {
  if (DATE.test(text)) return daysOfDate(text) === undefined ? undefined : { date: text };
  const parts = DATE_TIME.exec(text);
  if (!parts) return undefined;
  const days = daysOfDate(parts[1]!);
  const hour = Number(parts[2]);
  const minute = Number(parts[3]);
  const second = Number(parts[4] ?? 0);
  if (days === undefined || hour > 23 || minute > 59 || second > 59) return undefined;
  const millis = Number((parts[5] ?? '').slice(0, 3).padEnd(3, '0'));
  const localMs = days * DAY + ((hour * 60 + minute) * 60 + second) * 1000 + millis;
  const offset = parts[6];
  if (offset === undefined) return { date: parts[1]!, localMs };
  if (offset === 'Z' || offset === 'z') return { date: parts[1]!, localMs, offsetMs: 0 };
  const hours = Number(offset.slice(1, 3));
  const minutes = Number(offset.slice(3).replace(':', '') || 0);
  if (hours > 18 || minutes > 59) return undefined;
  return { date: parts[1]!, localMs, offsetMs: (offset[0] === '-' ? -1 : 1) * (hours * 60 + minutes) * 60_000 };
}

/** The instant of a text; one without a zone, or a bare date (its midnight), is read in `zone`. */
export function instantOf(text: string, zone: string): Date | undefined {
  const when = parseWhen(text);
  if (!when) return undefined;
  if (!('localMs' in when)) return new Date(instantInZone(daysOfDate(when.date)! * DAY, zone));
  if (when.offsetMs !== undefined) return new Date(when.localMs - when.offsetMs);
  return new Date(instantInZone(when.localMs, zone));
}

/** The business date of a text: a bare date as it is, an instant with a zone as the day it is in `zone`. */
export function businessDateOf(text: string, zone: string): string | undefined {
  const when = parseWhen(text);
  if (!when) return undefined;
  if (!('localMs' in when) || when.offsetMs === undefined) return when.date;
  const utc = when.localMs - when.offsetMs;
  return dateOfDays(Math.floor((utc + offsetAt(utc, zone)) / DAY));
}

/**
 * UTC of a wall-clock time in a zone. A time that occurs twice (autumn) is the first one; one that does not occur
 * (spring) is moved on by the gap, as Temporal's `compatible` does.
 */
function instantInZone(localMs: number, zone: string): number {
  const before = offsetAt(localMs - DAY, zone);
  const after = offsetAt(localMs + DAY, zone);
  for (const offset of [before, after]) if (offsetAt(localMs - offset, zone) === offset) return localMs - offset;
  return localMs - before;
}

const formats = new Map<string, Intl.DateTimeFormat>();

/** How far a zone is ahead of UTC at an instant, ms. Throws RangeError for an unknown zone. */
function offsetAt(utcMs: number, zone: string): number {
  if (zone === 'UTC') return 0;
  let format = formats.get(zone);
  if (!format) {
    format = new Intl.DateTimeFormat('en-US', {
      timeZone: zone,
      calendar: 'iso8601',
      numberingSystem: 'latn',
      hourCycle: 'h23',
      era: 'short',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    });
    formats.set(zone, format);
  }
  const part: Record<string, number> = {};
  for (const { type, value } of format.formatToParts(utcMs)) part[type] = Number(value);
  const local = new Date(0);
  local.setUTCFullYear(part['year']!, part['month']! - 1, part['day']!);
  local.setUTCHours(part['hour']!, part['minute']!, part['second']!);
  return local.getTime() - Math.floor(utcMs / 1000) * 1000;
}
