const formats = new Map<string, Intl.DateTimeFormat>();
const offsets = new Map<string, Map<number, number>>();
const QUARTER = 900_000; // no zone changes its offset between quarters of an hour since 1972
const KEPT = 4096; // quarters remembered per zone: 43 days

/** Whether the name is a zone that this Node knows (IANA). */
export function isZone(zone: string): boolean {
  try {
    formatOf(zone);
    return true;
  } catch {
    return false;
  }
}

/** Milliseconds to add to UTC to get the zone's wall clock at an instant. */
export function offsetAt(zone: string, instant: number): number {
  if (zone === 'UTC') return 0;
  let known = offsets.get(zone);
  if (!known) offsets.set(zone, (known = new Map()));
  const quarter = Math.floor(instant / QUARTER);
  const found = known.get(quarter);
  if (found !== undefined) return found;
  if (known.size >= KEPT) known.clear();
  const offset = compute(zone, quarter * QUARTER);
  known.set(quarter, offset);
  return offset;
}

function compute(zone: string, instant: number): number {
  const parts: Record<string, number> = {};
  let before = false; // 1 BC is the year 0
  for (const { type, value } of formatOf(zone).formatToParts(instant)) {
    if (type === 'era') before = value.startsWith('B');
    parts[type] = Number(value);
  }
  const wall = new Date(0); // Date.UTC takes the year 1 for 1901
  wall.setUTCFullYear(before ? 1 - parts['year']! : parts['year']!, parts['month']! - 1, parts['day']!);
  wall.setUTCHours(parts['hour']! % 24, parts['minute']!, parts['second']!);
  return wall.getTime() - instant;
}

function formatOf(zone: string): Intl.DateTimeFormat {
  let format = formats.get(zone);
  if (!format) {
    format = new Intl.DateTimeFormat('en-US', {
      timeZone: zone,
      calendar: 'gregory',
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
  return format;
}
