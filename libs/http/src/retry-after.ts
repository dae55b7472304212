/** Longest wait we let a target impose: a day. A typo in a date must not stop a connection for a year. */
const LONGEST_MS = 86_400_000;

/**
 * `Retry-After` in ms (RFC 9110 section 10.2.3): seconds or an HTTP date. `undefined` where it is missing or means
 * nothing; a date in the past is 0.
 */
export function retryAfterMs(header: string | undefined, now: Date): number | undefined {
  const value = header?.trim();
  if (!value) return undefined;
  if (/^\d+$/.test(value)) return Math.min(Number(value) * 1000, LONGEST_MS);
  if (!/^[A-Za-z]{3,9}, /.test(value)) return undefined;
  const at = Date.parse(value);
  if (Number.isNaN(at)) return undefined;
  return Math.min(Math.max(at - now.getTime(), 0), LONGEST_MS);
}
