import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CrossdockError } from '#contracts';

/** One version of one schema, for ever: its id stands in front of every value that was written with it. */
export interface LockedVersion {
  id: number;
  /** `canonical/order`, `erp/sales-order` */
  name: string;
  /** 1, 2, 3 per name */
  version: number;
  kind: 'AVRO' | 'JSON';
  /** see `canonicalHash` */
  hash: string;
  definition: unknown;
}

export interface Lock {
  /** of the file's format */
  format: 1;
  schemas: LockedVersion[];
}

export const LOCK_FILE = 'registry.lock.json';
/** A user's lock begins here, so that its ids never meet ours. */
export const USER_FIRST_ID = 10_001;

/** The lock of one root; empty where there is none. */
export function readLock(root: string): Lock {
  const file = join(root, LOCK_FILE);
  if (!existsSync(file)) return { format: 1, schemas: [] };
  let lock: Lock;
  try {
    lock = JSON.parse(readFileSync(file, 'utf8')) as Lock;
  } catch (error) {
    throw new CrossdockError('CROSSDOCK_SCHEMA_LOCK', `reading ${file}: it is not JSON`, { cause: error });
  }
  if (lock.format !== 1 || !Array.isArray(lock.schemas))
    throw new CrossdockError('CROSSDOCK_SCHEMA_LOCK', `reading ${file}: format 1 with a list of schemas was expected`);
  return lock;
}

/** One version to a line, so that a change in review is one line. */
export function writeLock(lock: Lock): string {
  const lines = lock.schemas.map((version) => `    ${JSON.stringify(version)}`);
  return `{\n  "format": 1,\n  "schemas": [\n${lines.join(',\n')}\n  ]\n}\n`;
}
