import { CrossdockError } from '#contracts';
import { unframe } from '../frame.ts';
import { canonicalHash } from '../registry/canonical-form.ts';
import type { RegisteredSchema, SchemaRegistry } from '../registry/schema-registry.ts';
import { adapt, UnknownSymbol } from './adapt.ts';
import { AvroSchema } from './avro-schema.ts';
import type { AvroNode } from './definition.ts';
import type { AvroRecord } from './record.ts';

/** What a framed value turned out to be. */
export type ReadValue = { ok: true; record: AvroRecord } | Unreadable;

/** Final for this process: a dead letter, with this reason. */
export interface Unreadable {
  ok: false;
  reason: string;
  /** the id of its schema, where this is none that this version knows: a newer one may read it */
  newer?: number;
}

type Decode = (body: Buffer) => ReadValue;

/**
 * Reads framed values of any version of a schema into the form of the one in force. One per schema and process; each
 * writer's schema is resolved once. Throws only while the registry cannot be reached (retryable).
 */
export function avroReader(schema: AvroSchema, registry: SchemaRegistry): (value: Buffer) => Promise<ReadValue> {
  const byId = new Map<number, Decode | Unreadable>();
  const hash = canonicalHash(schema.definition);

  const resolve = async (id: number): Promise<Decode | Unreadable> => {
    const known = byId.get(id);
    if (known) return known;
    const found = await registry.byId(id);
    if (found === 'unknown' || found === 'newer') {
      const nobody = unreadable(`the registry knows no schema ${id}`);
      return found === 'newer' ? { ...nobody, newer: id } : nobody; // not kept: it may be registered later
    }
    const made = found.kind === 'AVRO' ? decodeFrom(schema, hash, id, found) : unreadable(`schema ${id} is not Avro`);
    byId.set(id, made);
    return made;
  };

  return async (value) => {
    try {
      const { id, body } = unframe(value);
      const decode = await resolve(id);
      return typeof decode === 'function' ? decode(body) : decode;
    } catch (error) {
      if (error instanceof CrossdockError && !error.retryable) return unreadable(error.message);
      throw error;
    }
  };
}

const unreadable = (reason: string): Unreadable => ({ ok: false, reason });

function decodeFrom(
  reader: AvroSchema,
  readerHash: string,
  id: number,
  { definition, name }: RegisteredSchema,
): Decode | Unreadable {
  if (canonicalHash(definition) === readerHash) return (body) => ({ ok: true, record: reader.decode(body) });
  let writer: AvroSchema;
  try {
    writer = new AvroSchema(reader.name, definition as AvroNode);
  } catch (error) {
    const reason = `its writer's schema cannot be used: ${error instanceof Error ? error.message : String(error)}`;
    return name === undefined ? { ...unreadable(reason), newer: id } : unreadable(reason);
  }
  const { problems, adapt: act } = adapt(reader.shape, writer.shape);
  const first = problems.find(({ someValues }) => !someValues);
  const at = first?.field ?? first?.record;
  // one that neither the files nor the lock of this version have is a newer one, or somebody else's
  const foreign = (reason: string): Unreadable => ({ ...unreadable(reason), newer: id });
  if (act === undefined)
    return name === undefined
      ? foreign(`schema ${id} is none that this version knows, and does not fit its ${reader.name} at ${at}`)
      : unreadable(`its writer's schema does not fit ${reader.name}: ${at}: ${first?.message}`);
  return (body) => {
    const written = writer.decode(body);
    try {
      return { ok: true, record: act(written) as AvroRecord };
    } catch (error) {
      if (!(error instanceof UnknownSymbol)) throw error;
      const reason = `in the ${reader.name} of this version ${error.message}`;
      return name === undefined ? foreign(reason) : unreadable(reason);
    }
  };
}
