const CONNECTION_CODES = new Set(['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'ENOTFOUND', 'EHOSTUNREACH']);

function codeOf(error: unknown): string | undefined {
  return typeof error === 'object' && error !== null && 'code' in error && typeof error.code === 'string'
    ? error.code
    : undefined;
}

/** SQLSTATE 40001 and 40P01: the same transaction may succeed when it is run again. */
export function isSerialisation(error: unknown): boolean {
  const code = codeOf(error);
  return code === '40001' || code === '40P01';
}

/** SQLSTATE 55P03 (waited too long for a lock) and 40P01 (deadlock): free when the others have finished. */
export function isLocked(error: unknown): boolean {
  const code = codeOf(error);
  return code === '55P03' || code === '40P01';
}

/**
 * SQLSTATE classes 22 (what was given is no such value) and 54 (larger than PostgreSQL takes), and what our own triggers refuse:
 * the same statement will fail for ever.
 */
export function isHopeless(error: unknown): boolean {
  return /^(22|54|CD)...$/.test(codeOf(error) ?? '');
}

/** PostgreSQL answered with it: it has an SQLSTATE. */
export function isFromPostgres(error: unknown): boolean {
  return /^[0-9A-Z]{5}$/.test(codeOf(error) ?? '');
}

/** SQLSTATE 23505. */
export function isUniqueViolation(error: unknown): boolean {
  return codeOf(error) === '23505';
}

/**
 * The server could not be reached or went away: nothing is wrong with the statement. SQLSTATE classes 08 (connection),
 * 57P (shutdown, crash, cannot connect now) and 53300 (too many connections), socket errors, and pg's own texts.
 */
export function isUnavailable(error: unknown): boolean {
  const code = codeOf(error);
  if (code !== undefined)
    return code.startsWith('08') || code.startsWith('57P') || code === '53300' || CONNECTION_CODES.has(code);
  return (
    error instanceof Error &&
    /connection terminated|timeout exceeded when trying to connect|client has encountered a connection error|connection timeout|query read timeout|not queryable/i.test(
      error.message,
    )
  );
}
