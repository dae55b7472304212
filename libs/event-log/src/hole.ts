import type { StoredRecord } from '#contracts';

/**
 * The first offset that should be in the batch and is not, or null. Offsets are dense here: only we write these topics,
 * without compaction, so a missing one is a record that somebody accepted and nobody would see again.
 */
export function findHole(offsets: readonly bigint[], expected: bigint): bigint | null {
  for (const [at, offset] of offsets.entries()) if (offset !== expected + BigInt(at)) return expected + BigInt(at);
  return null;
}

export function offsetsOf(records: readonly StoredRecord[]): bigint[] {
  return records.map((record) => record.offset);
}
