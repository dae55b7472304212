/**
 * What became of one piece of work: a value, never an exception. Event handlers, connectors and delivery all speak it.
 *
 * - `done` it happened · `duplicate` it had happened before · `ignored` not wanted, on purpose
 * - `waiting` set aside until something else happens · `retry` did not happen for sure, may be tried again
 * - `in-doubt` sent and unanswered · `rejected` will never work like this
 */
export type Outcome = 'done' | 'duplicate' | 'ignored' | 'waiting' | 'retry' | 'in-doubt' | 'rejected';

/** Why something did not work, as a closed list: what to do next depends on it, and failures are grouped by it. */
export const ERROR_CLASSES = [
  'CONNECTION',
  'INTERMITTENT',
  'RATE_LIMIT',
  'AUTH',
  'MISSING_REFERENCE',
  'VALUE',
  'DUPLICATE',
  'CONFLICT',
  'TOO_LARGE',
  'PARSE',
  'MAPPING',
  'CLOSED_PERIOD',
  'CREDIT',
  'UNKNOWN_OUTCOME',
] as const;
export type ErrorClass = (typeof ERROR_CLASSES)[number];
