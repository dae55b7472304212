import { CRM_ENTITIES, CrossdockError, crmTopic, RESULT_TOPIC } from '#contracts';
import type { NamedSchema, SchemaSet } from '../schema-set.ts';
import { canonicalHash } from './canonical-form.ts';
import { portable } from './portable.ts';
import type { RegisteredSchema, SchemaRegistry } from './schema-registry.ts';

export interface ConfluentOptions {
  /** topic -> schema name: the subjects are `<topic>-value`. The topics of events and results are known anyway; any other schema has its own name, with dots, as subject. */
  topics?: ReadonlyMap<string, string>;
  /** how long one request may take, ms; default 5000 */
  timeoutMs?: number;
  /** how long "there is no such id" is believed, ms; default 30000. Known ids are kept for ever: they never change. */
  unknownMs?: number;
}

/** Topics that are the same everywhere; those of documents depend on the connections' names. */
const FIXED_SUBJECTS: ReadonlyMap<string, string> = new Map([
  ...CRM_ENTITIES.map((entity): [string, string] => [`canonical/${entity}`, `${crmTopic(entity)}-value`]),
  ['envelope/sync-result', `${RESULT_TOPIC}-value`],
]);
const SUBJECT_UNKNOWN = 40401;
const VERSION_UNKNOWN = 40402;
const SCHEMA_UNKNOWN = 40403;
/** Apicurio also answers 409 when two processes register one schema at the same moment: only a 409 that stays is a refusal. */
const ROUNDS = 4;
const MAX_UNKNOWN = 1000; // broken bytes can hold any id

/**
 * A registry that speaks Confluent's REST API (Confluent, Apicurio, Karapace). A schema that it lacks is registered the
 * first time its id is asked for, which is at start-up, never per record. Credentials may stand in the URL. Anything but
 * a clear answer is a retryable `CROSSDOCK_SCHEMA_REGISTRY`; a refusal of our schema is not retryable.
 */
export function confluentRegistry(url: string, schemas: SchemaSet, options: ConfluentOptions = {}): SchemaRegistry {
  const call = client(url, options.timeoutMs ?? 5_000);
  const names = namesByHash(schemas);
  const ids = new Map<string, Promise<number>>();
  const known = new Map<number, Promise<RegisteredSchema | 'unknown'>>();
  const unknownUntil = new Map<number, number>();

  const subjectsOf = (schemaName: string): string[] => {
    const topics = [...(options.topics ?? [])]
      .filter(([, name]) => name === schemaName)
      .map(([topic]) => `${topic}-value`);
    const fixed = FIXED_SUBJECTS.get(schemaName);
    if (topics.length > 0) return topics;
    return [fixed ?? schemaName.replaceAll('/', '.')];
  };

  const register = async (schema: NamedSchema): Promise<number> => {
    const body = {
      schema: JSON.stringify(schema.kind === 'JSON' ? portable(schema.definition) : schema.definition),
      ...(schema.kind === 'JSON' ? { schemaType: 'JSON' } : {}),
    };
    const [first, ...others] = subjectsOf(schema.name);
    const id = await idUnder(first!, body, schema.name);
    for (const subject of others) await idUnder(subject, body, schema.name); // content has one id under every subject
    return id;
  };

  const idUnder = async (subject: string, body: object, name: string): Promise<number> => {
    const path = `/subjects/${encodeURIComponent(subject)}`;
    for (let round = 1; ; round++) {
      const found = await call('POST', path, body);
      if (found.ok) return idIn(found.json, name);
      if (![SUBJECT_UNKNOWN, VERSION_UNKNOWN, SCHEMA_UNKNOWN].includes(found.errorCode))
        throw refused(found, `looking up ${name}`);
      const made = await call('POST', `${path}/versions`, body);
      if (made.ok) return idIn(made.json, name);
      if (made.status !== 409 || round === ROUNDS) throw refused(made, `registering ${name} as ${subject}`);
    }
  };

  const fetchById = async (id: number): Promise<RegisteredSchema | 'unknown'> => {
    const answer = await call('GET', `/schemas/ids/${id}`);
    if (!answer.ok) {
      if (answer.status === 404 && answer.errorCode === SCHEMA_UNKNOWN) return 'unknown';
      throw refused(answer, `asking for schema ${id}`);
    }
    const { schema, schemaType = 'AVRO' } = answer.json as { schema?: unknown; schemaType?: unknown };
    if (schemaType !== 'AVRO' && schemaType !== 'JSON')
      throw new CrossdockError('CROSSDOCK_SCHEMA_KIND', `schema ${id} is neither Avro nor JSON Schema`);
    const definition = definitionIn(schema, id);
    return { kind: schemaType, name: names.get(canonicalHash(definition)), definition };
  };

  return {
    idOf(schemaName) {
      const schema = schemas.published.get(schemaName);
      if (!schema)
        return Promise.reject(new CrossdockError('CROSSDOCK_SCHEMA_UNKNOWN', `there is no schema ${schemaName}`));
      return once(ids, schemaName, () => register(schema));
    },
    async byId(id) {
      const until = unknownUntil.get(id);
      if (until !== undefined && performance.now() < until) return 'unknown';
      const found = await once(known, id, () => fetchById(id));
      if (found !== 'unknown') return found;
      known.delete(id);
      if (unknownUntil.size >= MAX_UNKNOWN) unknownUntil.clear();
      unknownUntil.set(id, performance.now() + (options.unknownMs ?? 30_000));
      return 'unknown';
    },
  };
}

/** One request in flight per key; what failed is asked again next time. */
function once<Key, Value>(cache: Map<Key, Promise<Value>>, key: Key, ask: () => Promise<Value>): Promise<Value> {
  const running = cache.get(key);
  if (running) return running;
  const asked = ask();
  cache.set(key, asked);
  asked.catch(() => cache.delete(key));
  return asked;
}

type Answer =
  | { ok: true; json: unknown }
  /** `errorCode` 0: not the registry's own words */
  | { ok: false; status: number; errorCode: number };

function client(url: string, timeoutMs: number): (method: string, path: string, body?: object) => Promise<Answer> {
  const base = new URL(url);
  const headers: Record<string, string> = { accept: 'application/vnd.schemaregistry.v1+json, application/json' };
  if (base.username) {
    const credentials = `${decodeURIComponent(base.username)}:${decodeURIComponent(base.password)}`;
    headers['authorization'] = `Basic ${Buffer.from(credentials).toString('base64')}`;
  }
  const root = `${base.origin}${base.pathname.replace(/\/$/, '')}`;

  return async (method, path, body) => {
    try {
      const response = await fetch(root + path, {
        method,
        headers: body ? { ...headers, 'content-type': 'application/vnd.schemaregistry.v1+json' } : headers,
        ...(body ? { body: JSON.stringify(body) } : {}),
        redirect: 'error',
        signal: AbortSignal.timeout(timeoutMs),
      });
      const text = await response.text();
      if (response.ok) return { ok: true, json: JSON.parse(text) as unknown };
      return { ok: false, status: response.status, errorCode: errorCodeIn(text) };
    } catch (error) {
      throw new CrossdockError('CROSSDOCK_SCHEMA_REGISTRY', `asking the schema registry at ${root}: no usable answer`, {
        cause: error,
        retryable: true,
      });
    }
  };
}

function errorCodeIn(text: string): number {
  try {
    const code = (JSON.parse(text) as { error_code?: unknown }).error_code;
    return typeof code === 'number' ? code : 0;
  } catch {
    return 0; // a proxy's page
  }
}

/** 409 and 422 are about our schema and final; everything else may heal. Texts are each product's own, so they are not repeated. */
function refused(answer: { status: number; errorCode: number }, doing: string): CrossdockError {
  const code = answer.errorCode && answer.errorCode !== answer.status ? `, ${answer.errorCode}` : '';
  const why = FINAL.get(answer.status);
  return new CrossdockError(
    'CROSSDOCK_SCHEMA_REGISTRY',
    `${doing}: the registry ${why ? `refused it: ${why} (${answer.status}${code})` : `answered ${answer.status}${code}`}`,
    { retryable: why === undefined },
  );
}

const FINAL: ReadonlyMap<number, string> = new Map([
  [409, 'the schema is not compatible with one that stands under this subject'],
  [422, 'it does not take this for a schema'],
]);

function idIn(json: unknown, name: string): number {
  const id = (json as { id?: unknown } | null)?.id;
  if (typeof id === 'number' && Number.isInteger(id)) return id;
  throw new CrossdockError('CROSSDOCK_SCHEMA_REGISTRY', `registering ${name}: the answer has no id`, {
    retryable: true,
  });
}

function definitionIn(schema: unknown, id: number): unknown {
  try {
    return JSON.parse(String(schema)) as unknown;
  } catch (error) {
    throw new CrossdockError('CROSSDOCK_SCHEMA_REGISTRY', `asking for schema ${id}: the answer holds no schema`, {
      cause: error,
      retryable: true,
    });
  }
}

function namesByHash(schemas: SchemaSet): Map<string, string> {
  const names = new Map<string, string>();
  for (const version of schemas.locked.values())
    for (const hash of [version.hash, canonicalHash(portable(version.definition))]) names.set(hash, version.name);
  for (const schema of schemas.published.values())
    for (const hash of [schema.hash, canonicalHash(portable(schema.definition))]) names.set(hash, schema.name);
  return names;
}
