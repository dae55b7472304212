import type { Seen } from './recipes.ts';

export interface Verdict {
  committed: number;
  /** committed and never published */
  lost: number;
  /** published more than once */
  duplicated: number;
  /** first published after a later version of the same record */
  inverted: number;
}

/** Compares what was published, in its order, with what was committed. */
export function judge(committed: readonly Seen[], published: readonly Seen[]): Verdict {
  const last = new Map<string, number>();
  const seen = new Set<string>();
  let duplicated = 0;
  let inverted = 0;
  for (const { key, version } of published) {
    const name = `${key} ${version}`;
    if (seen.has(name)) duplicated++;
    else if ((last.get(key) ?? 0) > version) inverted++;
    seen.add(name);
    last.set(key, Math.max(last.get(key) ?? 0, version));
  }
  const lost = committed.filter(({ key, version }) => !seen.has(`${key} ${version}`)).length;
  return { committed: committed.length, lost, duplicated, inverted };
}
