import { isBadText } from '#schema';

/**
 * Bytes of an id of a target. It stands in indexes, beside the name of its connection, and an entry of a B-tree of PostgreSQL has
 * 2,704 bytes at most (a third of a page of 8 kB): an outcome with a longer id could never be recorded.
 */
const LONGEST_ID = 2_048;

/** Whether an id that a target names can be bound. */
export const isUsableId = (id: string): boolean => !isBadText(id) && Buffer.byteLength(id) <= LONGEST_ID;
