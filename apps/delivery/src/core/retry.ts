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

/** Wait before a look that failed is tried again, ms: it is no attempt, so it does not climb the ladder. */
export const lookAgainDelay = (ladder: Ladder, step: number): number =>
  Math.min(ladder.ladderMs[Math.min(step, ladder.ladderMs.length - 1)] ?? 5_000, 300_000);
