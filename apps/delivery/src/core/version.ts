import type { Version } from './lane.ts';

/**
 * Positive when `a` is newer. The source's own version decides first; where a source has none (-1) our arrival order does.
 */
export function compareVersions(a: Version, b: Version): number {
  if (a.source !== b.source) return a.source > b.source ? 1 : -1;
  if (a.aggregate !== b.aggregate) return a.aggregate > b.aggregate ? 1 : -1;
  return a.revision - b.revision;
}

export const isNewer = (a: Version, b: Version | null): boolean => b === null || compareVersions(a, b) > 0;
