import { CrossdockError } from '#contracts';
import type { DeadLetter, StoredRecord } from '#contracts';

/** What this needs of a schema registry. `byId` throws a retryable CrossdockError when the registry cannot be reached. */
export interface SchemaById<Definition> {
  byId(id: number): Promise<Definition | 'unknown'>;
}

export interface Decoded<Value> {
  record: StoredRecord;
  value: Value;
}

export interface DecodeOptions<Definition, Value> {
  registry: SchemaById<Definition>;
  /** named in dead letters */
  stage: string;
  /** `framed` is null for a marker (a record without a value). Throws when the bytes do not fit the schema. */
  read(record: StoredRecord, framed: { id: number; schema: Definition; body: Buffer } | null): Value | Promise<Value>;
}

const FRAME_BYTES = 5;

/**
 * Decodes a batch the same way for every consumer. Broken frames, schema ids that the registry says do not exist, and
 * bodies that `read` throws on become dead letters; a registry that cannot be reached (any retryable error) is thrown,
 * so that the batch comes again and nothing is skipped.
 */
export async function decodeBatch<Definition, Value>(
  records: readonly StoredRecord[],
  { registry, stage, read }: DecodeOptions<Definition, Value>,
): Promise<{ decoded: Decoded<Value>[]; dead: DeadLetter[] }> {
  const decoded: Decoded<Value>[] = [];
  const dead: DeadLetter[] = [];
  for (const record of records) {
    const framed = record.value === null ? null : unframe(record.value);
    if (framed === 'broken') {
      dead.push({ record, stage, reason: 'the value is not framed (0, 4 bytes of schema id, body)' });
      continue;
    }
    const schema = framed && (await registry.byId(framed.id));
    if (schema === 'unknown') {
      dead.push({ record, stage, reason: `the schema registry has no schema ${framed!.id}` });
      continue;
    }
    try {
      const value = await read(record, framed && { ...framed, schema: schema as Definition });
      decoded.push({ record, value });
    } catch (error) {
      if (error instanceof CrossdockError && error.retryable) throw error;
      dead.push({ record, stage, reason: reasonOf(error) });
    }
  }
  return { decoded, dead };
}

function unframe(value: Buffer): { id: number; body: Buffer } | 'broken' {
  if (value.length < FRAME_BYTES || value[0] !== 0) return 'broken';
  return { id: value.readInt32BE(1), body: value.subarray(FRAME_BYTES) };
}

/** Our own errors name no payload; of others only the kind is told. */
function reasonOf(error: unknown): string {
  if (error instanceof CrossdockError) return `${error.code}: ${error.message}`;
  return `cannot be decoded (${error instanceof Error ? error.name : typeof error})`;
}
