import { CrossdockError } from '#contracts';
import { isSerialisation, isUnavailable } from '#db';

/** The database cannot do it now and may do it later: unreachable, read-only after a failover (25006), out of disk, memory or connections (53), or busy beyond our retries. */
export function isAway(error: unknown): boolean {
  if (error instanceof CrossdockError) return error.retryable;
  const code = codeOf(error);
  return isUnavailable(error) || isSerialisation(error) || code === '25006' || (code?.startsWith('53') ?? false);
}

/** The code of a CrossdockError, the SQLSTATE of PostgreSQL, or that of a system call. */
export function codeOf(error: unknown): string | undefined {
  return typeof error === 'object' && error !== null && 'code' in error && typeof error.code === 'string'
    ? error.code
    : undefined;
}

/**
 * An error that may be logged. PostgreSQL quotes values and whole rows in its messages, and those are payloads: of such
 * an error only the code and the names of table and constraint are kept.
 */
export function fault(doing: string, error: unknown): Error {
  if (!(error instanceof Error) || !('severity' in error)) return error instanceof Error ? error : new Error(doing);
  const named = ['table', 'constraint', 'routine'].flatMap((part) =>
    part in error && typeof error[part as keyof Error] === 'string' ? `${part} ${error[part as keyof Error]}` : [],
  );
  const where = named.length > 0 ? ` (${named.join(', ')})` : '';
  return new CrossdockError('CROSSDOCK_CAPTURE_FAULT', `${doing} failed: SQLSTATE ${codeOf(error)}${where}`);
}
