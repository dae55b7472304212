const ISO = /^\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?([Zz]|[+-]\d{2}:?\d{2})$/;
const LAST_SECOND = 99_999_999_999; // larger ones are milliseconds: the year 5138 can wait

/** Unix time in seconds or milliseconds, or ISO 8601 with a zone, in ms. Undefined for anything else. */
export function instantMs(text: string): number | undefined {
  if (/^\d{1,15}$/.test(text)) return Number(text) > LAST_SECOND ? Number(text) : Number(text) * 1000;
  return isoMs(text);
}

/** ISO 8601 with a zone, normalised to UTC. Undefined for anything else: what has no zone is no instant. */
export function isoInstant(text: string): string | undefined {
  const ms = isoMs(text);
  return ms === undefined ? undefined : new Date(ms).toISOString();
}

function isoMs(text: string): number | undefined {
  if (!ISO.test(text)) return undefined;
  const ms = Date.parse(text.replace(' ', 'T'));
  return Number.isNaN(ms) || new Date(ms).getUTCFullYear() < 1 || new Date(ms).getUTCFullYear() > 9999 ? undefined : ms;
}
