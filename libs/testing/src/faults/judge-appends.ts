import type { StoredRecord } from '#contracts';

/** Values that were acknowledged and are not in the log; that are in it more than once; that come behind a later one of their key. */
export interface Judgement {
  lost: string[];
  doubled: string[];
  inverted: string[];
}

export const GOOD: Judgement = { lost: [], doubled: [], inverted: [] };

/**
 * Judges appending by what the log holds, whatever the appends had said of themselves. A value ends in `:` and a number
 * that rises with each append of its key, and nobody appends the same value again: so one that is there twice was doubled by
 * the producer itself. One whose append failed may be there once or not at all. A place of the log counts once, however
 * often a reader was given it.
 */
export function judgeAppends(acknowledged: Iterable<string>, read: readonly StoredRecord[]): Judgement {
  const places = new Map(read.map((record) => [`${record.partition}/${record.offset}`, record]));
  const inOrder = [...places.values()].sort((a, b) => a.partition - b.partition || Number(a.offset - b.offset));
  const seen = new Set<string>();
  const latest = new Map<string, number>();
  const doubled: string[] = [];
  const inverted: string[] = [];
  for (const { key, value } of inOrder) {
    const text = value!.toString();
    const number = Number(text.slice(text.lastIndexOf(':') + 1));
    if (number < (latest.get(key) ?? 0)) inverted.push(text);
    if (seen.has(text)) doubled.push(text);
    seen.add(text);
    latest.set(key, Math.max(number, latest.get(key) ?? 0));
  }
  return { lost: [...acknowledged].filter((value) => !seen.has(value)), doubled, inverted };
}
