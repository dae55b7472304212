import type { ErrorClass } from '#contracts';

/** A connection's ladder: waits between attempts in ms, and how much of each is left to chance (0.2 = 20 %). */
export interface Ladder {
  ladderMs: readonly number[];
  jitter: number;
}

/** Classes that a lane is parked for and still tried by itself. */
const SELF_HEALING: ReadonlySet<ErrorClass> = new Set(['CONNECTION', 'INTERMITTENT', 'RATE_LIMIT']);
/** How often a lane parked for one of them is tried, ms. */
export const PARKED_RETRY_MS = 3_600_000;

/**
 * Wait before the attempt after failure number `step` (from 0), spread by the jitter so that what failed together does not
 * come back together. `undefined` when the ladder has ended. `chance` is in [0, 1).
 */
export function retryDelay(ladder: Ladder, step: number, chance: number): number | undefined {
  const wait = ladder.ladderMs[step];
  return wait === undefined ? undefined : Math.round(wait * (1 + ladder.jitter * (2 * chance - 1)));
}

export const healsItself = (errorClass: ErrorClass): boolean => SELF_HEALING.has(errorClass);

/**
 * Wait before a look that failed is tried again, ms: as long as has passed since the request was given up, so that it doubles,
 * from the first rung to five minutes. A look is no attempt and does not climb the ladder.
 */
export const lookAgainDelay = (ladder: Ladder, sinceMs: number): number =>
  Math.min(Math.max(sinceMs, ladder.ladderMs[0] ?? 5_000), 300_000);

/**
 * Wait before it is asked again whether a closed period is open, ms: an hour, or the ladder's longest wait where that is shorter. It
 * climbs no ladder: people open periods after days, and a month's end must not become a thousand parked lanes.
 */
export const closedPeriodDelay = (ladder: Ladder): number =>
  Math.min(PARKED_RETRY_MS, Math.max(...ladder.ladderMs, 0) || PARKED_RETRY_MS);
