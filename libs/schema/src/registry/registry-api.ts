import type { NamedSchema, SchemaSet } from '../schema-set.ts';
import { canonicalHash } from './canonical-form.ts';
import { portable } from './portable.ts';
import type { SchemaRegistry } from './schema-registry.ts';

export interface RegistryAnswer {
  status: number;
  /** JSON; console sends it as `application/vnd.schemaregistry.v1+json` */
  body: unknown;
}

export type RegistryApi = (method: string, path: string, body?: unknown) => Promise<RegistryAnswer>;

interface Version {
  name: string;
  version: number;
  id: number;
  kind: 'AVRO' | 'JSON';
  hash: string;
  definition: unknown;
}

/**
 * The read side of Confluent's Schema Registry REST API over the lock files, so that any Confluent client decodes our
 * topics without another server. Subjects are `<topic>-value`; `topics` says which schema a topic carries. Console
 * mounts it; `path` is what follows the mount, query included. Registering is not offered: schemas come with a release.
 */
export function registryApi(
  schemas: SchemaSet,
  registry: SchemaRegistry,
  topics: ReadonlyMap<string, string>,
): RegistryApi {
  const versions = (schema: NamedSchema): Promise<Version[]> => versionsOf(schemas, registry, schema);
  const subjects = new Map<string, NamedSchema>();
  for (const [topic, name] of topics) {
    const schema = schemas.published.get(name);
    if (schema) subjects.set(`${topic}-value`, schema);
  }

  const bySubject = async (subject: string, rest: string[]): Promise<RegistryAnswer> => {
    const schema = subjects.get(subject);
    if (!schema) return failure(404, 40401, `Subject '${subject}' not found.`);
    const all = await versions(schema);
    const [wanted, part] = rest;
    if (wanted === undefined) return ok(all.map(({ version }) => version));
    if (wanted !== 'latest' && wanted !== '-1' && !/^[1-9]\d{0,9}$/.test(wanted))
      return failure(422, 42202, `The specified version '${wanted}' is not a valid version id.`);
    const found = /^\d/.test(wanted) ? all.find(({ version }) => version === Number(wanted)) : all.at(-1);
    if (!found) return failure(404, 40402, `Version ${wanted} not found.`);
    if (part === 'schema') return ok(handedOut(found));
    return part === undefined ? ok(described(subject, found)) : NOT_FOUND;
  };

  const byId = async (text: string, part: string | undefined): Promise<RegistryAnswer> => {
    const id = /^\d{1,10}$/.test(text) ? Number(text) : -1;
    const found = await registry.byId(id);
    if (found === 'unknown' || found === 'newer') return failure(404, 40403, `Schema ${text} not found`);
    if (part === undefined) return ok({ ...typed(found.kind), schema: JSON.stringify(handedOut(found)) });
    if (part === 'schema') return ok(handedOut(found));
    const uses: { subject: string; version: number }[] = [];
    for (const [subject, schema] of subjects)
      for (const version of await versions(schema))
        if (version.id === id) uses.push({ subject, version: version.version });
    if (part === 'versions') return ok(uses);
    return part === 'subjects' ? ok(uses.map(({ subject }) => subject)) : NOT_FOUND;
  };

  /** "Which id has this schema under this subject?" The lookup that serializers do. */
  const lookup = async (subject: string, body: unknown): Promise<RegistryAnswer> => {
    const schema = subjects.get(subject);
    if (!schema) return failure(404, 40401, `Subject '${subject}' not found.`);
    const hash = hashOfBody(body);
    if (hash === undefined) return failure(422, 42201, 'Invalid schema');
    const found = (await versions(schema)).find(
      (version) => version.hash === hash || canonicalHash(handedOut(version)) === hash,
    );
    return found ? ok(described(subject, found)) : failure(404, 40403, 'Schema not found');
  };

  return async (method, path, body) => {
    const parts = partsOf(path);
    if (!parts) return NOT_FOUND;
    const [first, second, third, ...rest] = parts;
    if (method === 'POST' && first === 'subjects' && second !== undefined) {
      const found = await lookup(second, body);
      if (third === undefined || (third === 'versions' && found.status === 200)) return found;
      return failure(422, 42205, `Subject '${second}' is in read-only mode`);
    }
    if (method !== 'GET') return failure(405, 405, 'This registry is read-only');
    if (first === undefined) return ok({});
    if (first === 'subjects') {
      if (second === undefined) return ok([...subjects.keys()].sort());
      return third === 'versions' ? bySubject(second, rest) : NOT_FOUND;
    }
    if (first === 'schemas') {
      if (second === 'types' && third === undefined) return ok(['JSON', 'AVRO']);
      return second === 'ids' && third !== undefined ? byId(third, rest[0]) : NOT_FOUND;
    }
    if (first === 'config') {
      if (second !== undefined && !subjects.has(second)) return failure(404, 40401, `Subject '${second}' not found.`);
      return ok({ compatibilityLevel: 'BACKWARD_TRANSITIVE' });
    }
    return first === 'mode' ? ok({ mode: 'READONLY' }) : NOT_FOUND;
  };
}

const NOT_FOUND: RegistryAnswer = { status: 404, body: { error_code: 404, message: 'HTTP 404 Not Found' } };

function ok(body: unknown): RegistryAnswer {
  return { status: 200, body };
}

function failure(status: number, code: number, message: string): RegistryAnswer {
  return { status, body: { error_code: code, message } };
}

/** Confluent leaves `schemaType` out for Avro. */
function typed(kind: 'AVRO' | 'JSON'): { schemaType?: 'JSON' } {
  return kind === 'JSON' ? { schemaType: 'JSON' } : {};
}

function described(subject: string, found: Version): object {
  const { version, id, kind } = found;
  return { subject, version, id, ...typed(kind), schema: JSON.stringify(handedOut(found)) };
}

function handedOut({ kind, definition }: { kind: 'AVRO' | 'JSON'; definition: unknown }): unknown {
  return kind === 'JSON' ? portable(definition) : definition;
}

function partsOf(path: string): string[] | undefined {
  try {
    return path.split('?')[0]!.split('/').filter(Boolean).map(decodeURIComponent);
  } catch {
    return undefined; // a broken percent escape names nothing
  }
}

function hashOfBody(body: unknown): string | undefined {
  const text = (body as { schema?: unknown } | null | undefined)?.schema;
  if (typeof text !== 'string') return undefined;
  try {
    return canonicalHash(JSON.parse(text));
  } catch {
    return undefined;
  }
}

/** The locked versions of a schema, and the one in force where no lock has it yet. */
async function versionsOf(schemas: SchemaSet, registry: SchemaRegistry, schema: NamedSchema): Promise<Version[]> {
  const locked = [...schemas.locked.values()]
    .filter(({ name }) => name === schema.name)
    .sort((a, b) => a.version - b.version);
  if (locked.some(({ hash }) => hash === schema.hash)) return locked;
  const version = (locked.at(-1)?.version ?? 0) + 1;
  return [...locked, { ...schema, version, id: await registry.idOf(schema.name) }];
}
