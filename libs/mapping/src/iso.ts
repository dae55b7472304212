import { Refusal } from './scope.ts';

const FIRST = Date.parse('0001-01-01T00:00:00Z');
const AFTER = Date.parse('9999-12-31T23:59:59.999Z');

/** UTC as ISO 8601, `2026-03-01T12:00:00.000Z`. Refuses years other than 0001 to 9999, which `toISOString` writes as `+010000`: no date to any target. */
export function isoOf(instant: number): string {
  if (!(instant >= FIRST && instant <= AFTER)) throw new Refusal('the year is not one of 0001 to 9999');
  return new Date(instant).toISOString();
}
