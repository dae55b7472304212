import { CrossdockError } from '#contracts';
import type { NamedSchema, SchemaSet } from '../schema-set.ts';
import { USER_FIRST_ID } from './lock.ts';
import type { RegisteredSchema, SchemaRegistry } from './schema-registry.ts';

/**
 * Ids of versions that no lock file has yet are made of their hash, above every id a lock file hands out: one range for
 * JSON Schemas, one for Avro. Once a user edits a schema without locking it, the old version is gone. A JSON document
 * can be read without its schema (delivery validates against the one in force), so its id still says "JSON" and nothing
 * on the topic dies of an edit; an Avro value cannot, and is honestly unknown.
 */
const UNLOCKED_JSON = 0x4000_0000;
const UNLOCKED_AVRO = 0x6000_0000;
const RANGE = 0x2000_0000;
/** A newer lock has at most so many versions more than this one: ids count up, so one far above was never handed out. */
const MOST_NEWER = 1_000;

/**
 * The registry that needs no server: ids come from the lock files beside the schemas. Never fails, never waits. Each process
 * has the files it was started with, so while a version is rolled out or back others write ids that it lacks: `newer`.
 */
export function fileRegistry(schemas: SchemaSet): SchemaRegistry & { idOfNow(schemaName: string): number } {
  const byName = new Map<string, number>();
  const known = new Map<number, RegisteredSchema>();
  for (const { id, kind, name, definition } of schemas.locked.values()) known.set(id, { kind, name, definition });
  for (const schema of schemas.published.values()) {
    const id = lockedId(schemas, schema) ?? unlockedId(schema);
    byName.set(schema.name, id);
    if (!known.has(id)) known.set(id, { kind: schema.kind, name: schema.name, definition: schema.definition });
  }
  const idOfNow = (schemaName: string): number => {
    const id = byName.get(schemaName);
    if (id !== undefined) return id;
    throw new CrossdockError('CROSSDOCK_SCHEMA_UNKNOWN', `there is no schema ${schemaName}`);
  };
  const highest = Math.max(USER_FIRST_ID, ...schemas.locked.keys());
  return {
    idOfNow,
    idOf: async (schemaName) => idOfNow(schemaName),
    byId: async (id) => {
      const found = known.get(id);
      if (found) return found;
      if (id >= UNLOCKED_JSON && id < UNLOCKED_JSON + RANGE) return { kind: 'JSON', definition: true };
      const newer = (id > 0 && id <= highest + MOST_NEWER) || (id >= UNLOCKED_AVRO && id < UNLOCKED_AVRO + RANGE);
      return newer ? 'newer' : 'unknown';
    },
  };
}

function lockedId(schemas: SchemaSet, schema: NamedSchema): number | undefined {
  for (const version of schemas.locked.values())
    if (version.name === schema.name && version.hash === schema.hash) return version.id;
  return undefined;
}

function unlockedId(schema: NamedSchema): number {
  const start = schema.kind === 'JSON' ? UNLOCKED_JSON : UNLOCKED_AVRO;
  return start + (Number.parseInt(schema.hash.slice(0, 8), 16) % RANGE);
}
