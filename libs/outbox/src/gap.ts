/** Ids below the cursor that no read has shown yet, as a range: drawn by transactions that are open or were rolled back. */
export interface Gap {
  /** first and last id of the range */
  from: bigint;
  to: bigint;
  /** a transaction id taken after the gap was first seen; null until one was taken */
  xid: bigint | null;
  /** a snapshot showed that every transaction up to `xid` had ended; one more read decides */
  proven: boolean;
}

/** Where the relay stands: everything up to `high` is read except the gaps, which are in ascending order. */
export interface Cursor {
  high: bigint;
  gaps: readonly Gap[];
}

/** As stored: JSON has no long, so ids are text. */
export function gapsToJson(gaps: readonly Gap[]): string {
  return JSON.stringify(
    gaps.map(({ from, to, xid, proven }) => ({
      from: `${from}`,
      to: `${to}`,
      xid: xid === null ? null : `${xid}`,
      proven,
    })),
  );
}

export function gapsFromJson(stored: readonly StoredGap[]): Gap[] {
  return stored.map(({ from, to, xid, proven }) => ({
    from: BigInt(from),
    to: BigInt(to),
    xid: xid === null ? null : BigInt(xid),
    proven,
  }));
}

export interface StoredGap {
  from: string;
  to: string;
  xid: string | null;
  proven: boolean;
}
