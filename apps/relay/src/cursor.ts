import type { Cursor, Gap, Snapshot } from '#outbox';

/**
 * The relay's arithmetic: what a read does to the cursor. Pure; the design's model explores the same rules.
 *
 *     id skipped by a read ──> open ──mark taken after──> marked ──snapshot's xmin beyond the mark──> proven
 *                               │                           │                                           │
 *                               └───── its row shows up: read, no gap any more ─────────────────────────┤
 *                                                                          one more read misses it: dropped (rolled back)
 *
 * A sequence value is drawn before its transaction commits, so a lower id may appear after a higher one: a cursor alone
 * would have passed it. No clock decides: however long the transaction takes, its gap stays open, and everything else
 * flows past it.
 */
export function advance(
  cursor: Cursor,
  snapshot: Pick<Snapshot, 'xmin' | 'rows' | 'cut'>,
): { cursor: Cursor; dropped: readonly Gap[] } {
  const ids = snapshot.rows.map((row) => row.id);
  const last = ids.at(-1);
  // a read that its limit cut short says nothing about ids behind its last row
  const examined = snapshot.cut ? last : undefined;
  const gaps: Gap[] = [];
  const dropped: Gap[] = [];
  for (const gap of cursor.gaps) {
    for (const missing of without(gap, ids)) {
      const [seen, unseen] = splitAfter(missing, examined);
      if (seen?.proven) dropped.push(seen);
      else if (seen) gaps.push({ ...seen, proven: seen.xid !== null && snapshot.xmin > seen.xid });
      if (unseen) gaps.push(unseen);
    }
  }
  let expected = cursor.high + 1n;
  for (const id of ids) {
    if (id <= cursor.high) continue;
    if (id > expected) gaps.push({ from: expected, to: id - 1n, xid: null, proven: false });
    expected = id + 1n;
  }
  return { cursor: { high: expected - 1n, gaps: joined(gaps) }, dropped };
}

/** Gives the gaps that have no mark this one: `xid` must have been taken after the read that showed them. */
export function mark(cursor: Cursor, xid: bigint): Cursor {
  if (!needsMark(cursor)) return cursor;
  return { high: cursor.high, gaps: joined(cursor.gaps.map((gap) => (gap.xid === null ? { ...gap, xid } : gap))) };
}

export function needsMark(cursor: Cursor): boolean {
  return cursor.gaps.some((gap) => gap.xid === null);
}

/** What is left of the range when these ids (ascending) are taken out. */
function without(gap: Gap, ids: readonly bigint[]): Gap[] {
  const left: Gap[] = [];
  let from = gap.from;
  for (let at = firstNotBelow(ids, gap.from); at < ids.length && ids[at]! <= gap.to; at++) {
    if (ids[at]! > from) left.push({ ...gap, from, to: ids[at]! - 1n });
    from = ids[at]! + 1n;
  }
  if (from <= gap.to) left.push({ ...gap, from });
  return left;
}

function firstNotBelow(ids: readonly bigint[], bound: bigint): number {
  let low = 0;
  let high = ids.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (ids[middle]! < bound) low = middle + 1;
    else high = middle;
  }
  return low;
}

function splitAfter(gap: Gap, last: bigint | undefined): [Gap | undefined, Gap | undefined] {
  if (last === undefined || gap.to <= last) return [gap, undefined];
  if (gap.from > last) return [undefined, gap];
  return [
    { ...gap, to: last },
    { ...gap, from: last + 1n },
  ];
}

/** Neighbours that know the same become one range. */
function joined(gaps: readonly Gap[]): Gap[] {
  const out: Gap[] = [];
  for (const gap of gaps) {
    const before = out.at(-1);
    if (before && before.to + 1n === gap.from && before.xid === gap.xid && before.proven === gap.proven)
      out[out.length - 1] = { ...before, to: gap.to };
    else out.push(gap);
  }
  return out;
}
