import { CrossdockError } from '#contracts';
import { unframe } from '../frame.ts';
import { canonicalHash } from '../registry/canonical-form.ts';
import type { SchemaRegistry } from '../registry/schema-registry.ts';
import { adapt } from './adapt.ts';
import { AvroSchema } from './avro-schema.ts';
import type { AvroNode } from './definition.ts';
import type { AvroRecord } from './record.ts';

/** What a framed value turned out to be. `unreadable` is final for these bytes: a dead letter, with this reason. */
export type ReadValue = { ok: true; record: AvroRecord } | { ok: false; reason: string };

type Decode = (body: Buffer) => AvroRecord;

/**
 * Reads framed values of any version of a schema into the form of the one in force. One per schema and process; each
 * writer's schema is resolved once. Throws only while the registry cannot be reached (retryable).
 */
export function avroReader(schema: AvroSchema, registry: SchemaRegistry): (value: Buffer) => Promise<ReadValue> {
  const byId = new Map<number, Decode | string>();
  const hash = canonicalHash(schema.definition);

  const resolve = async (id: number): Promise<Decode | string> => {
    const known = byId.get(id);
    if (known) return known;
    const found = await registry.byId(id);
    if (found === 'unknown') return `the registry knows no schema ${id}`; // not kept: it may be registered later
    const made = found.kind === 'AVRO' ? decodeFrom(schema, hash, found.definition) : `schema ${id} is not Avro`;
    byId.set(id, made);
    return made;
  };

  return async (value) => {
    try {
      const { id, body } = unframe(value);
      const decode = await resolve(id);
      return typeof decode === 'string' ? { ok: false, reason: decode } : { ok: true, record: decode(body) };
    } catch (error) {
      if (error instanceof CrossdockError && !error.retryable) return { ok: false, reason: error.message };
      throw error;
    }
  };
}

function decodeFrom(reader: AvroSchema, readerHash: string, definition: unknown): Decode | string {
  if (canonicalHash(definition) === readerHash) return (body) => reader.decode(body);
  let writer: AvroSchema;
  try {
    writer = new AvroSchema(reader.name, definition as AvroNode);
  } catch (error) {
    return `its writer's schema cannot be used: ${error instanceof Error ? error.message : String(error)}`;
  }
  const fit = adapt(reader.shape, writer.shape);
  if (fit.ok) return (body) => fit.adapt(writer.decode(body)) as AvroRecord;
  const [first] = fit.problems;
  return `its writer's schema does not fit ${reader.name}: ${first?.field ?? first?.record}: ${first?.message}`;
}
