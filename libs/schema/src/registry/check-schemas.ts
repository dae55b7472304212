import { readFileSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { ConfigurationError } from '#contracts';
import type { Finding } from '#contracts';
import { DATA_CLASSES } from '../avro/definition.ts';
import type { AvroNode } from '../avro/definition.ts';
import { locate } from '../json/locate.ts';
import { loadSchemas } from '../load-schemas.ts';
import type { NamedSchema, SchemaSet } from '../schema-set.ts';
import { avroProblems } from './avro-compatibility.ts';
import { canonicalHash } from './canonical-form.ts';
import { jsonProblems } from './json-compatibility.ts';
import { LOCK_FILE, readLock, USER_FIRST_ID, writeLock } from './lock.ts';
import type { LockedVersion } from './lock.ts';

export interface CheckOptions {
  /** the folder that holds `canonical/`, `targets/`, ... and the lock file */
  root: string;
  /** roots that lie below it: ours, when `root` is a user's */
  base?: readonly string[];
  /** write new versions into the lock; nothing is written while there is a finding */
  update?: boolean;
}

export interface CheckResult {
  findings: Finding[];
  /** versions that are new to the lock, in the order of their ids */
  added: { name: string; version: number; id: number }[];
}

/**
 * The gate for schemas, run by `crossdock check` and `crossdock generate`: every file can be read, every field says
 * what it means and who may see it, and what changed is backward compatible with **every** locked version, because
 * events stay on topics and in the outbox for longer than any deployment. The lock only grows. A user's root without a
 * lock is taken as it is: ids are then made of the content (see `fileRegistry`).
 */
export function checkSchemas({ root, base = [], update = false }: CheckOptions): CheckResult {
  let schemas: SchemaSet;
  try {
    schemas = loadSchemas({ roots: [...base, root] });
  } catch (error) {
    if (error instanceof ConfigurationError) return { findings: [...error.findings], added: [] };
    throw error;
  }
  const lock = readLock(root);
  const findings = [...lockFindings(root, lock.schemas), ...proseFindings(schemas, root)];
  let nextId = Math.max(base.length > 0 ? USER_FIRST_ID - 1 : 0, ...lock.schemas.map((version) => version.id)) + 1;

  const ownIds = new Set(lock.schemas.map((version) => version.id));
  const added: LockedVersion[] = [];
  for (const schema of schemas.published.values()) {
    const file = schemas.files.get(schema.name)!;
    if (relative(root, file).startsWith('..')) continue;
    const versions = [...schemas.locked.values()].filter((version) => version.name === schema.name);
    if (versions.some((version) => version.hash === schema.hash)) continue;
    // a user may put a target's schema of another shape in the place of ours, but events must stay readable
    const binding = schema.kind === 'AVRO' ? versions : versions.filter(({ id }) => ownIds.has(id));
    const problems = compatibilityFindings(schema, binding, schemas);
    findings.push(...problems);
    if (problems.length > 0) continue;
    const version = Math.max(0, ...versions.map((other) => other.version)) + 1;
    added.push({
      id: nextId++,
      name: schema.name,
      version,
      kind: schema.kind,
      hash: schema.hash,
      definition: schema.definition,
    });
  }
  const told = added.map(({ name, version, id }) => ({ name, version, id }));
  if (added.length === 0 || findings.length > 0) return { findings, added: [] };
  if (!update && base.length > 0 && lock.schemas.length === 0) return { findings: [], added: [] };
  if (!update) return { findings: added.map((version) => missingFinding(version, schemas)), added: [] };
  writeFileSync(join(root, LOCK_FILE), writeLock({ format: 1, schemas: [...lock.schemas, ...added] }));
  return { findings: [], added: told };
}

function missingFinding(version: LockedVersion, schemas: SchemaSet): Finding {
  return {
    file: schemas.files.get(version.name)!,
    line: 1,
    column: 1,
    message: `${version.name} has a version that ${LOCK_FILE} does not know`,
    suggestion: 'run `npm run generate` and commit the lock',
  };
}

/** A locked version is never edited: its definition still has its hash, ids and versions are unique. */
function lockFindings(root: string, versions: readonly LockedVersion[]): Finding[] {
  const file = join(root, LOCK_FILE);
  const ids = new Set<number>();
  const names = new Set<string>();
  return versions.flatMap((version, index) => {
    const label = `${version.name} version ${version.version}`;
    const wrong: string[] = [];
    if (ids.has(version.id)) wrong.push(`id ${version.id} is given twice`);
    if (names.has(label)) wrong.push(`${label} stands twice`);
    if (canonicalHash(version.definition) !== version.hash)
      wrong.push(`${label} was edited; a locked version never changes`);
    ids.add(version.id);
    names.add(label);
    const place = wrong.length > 0 ? locate(readFileSync(file, 'utf8'), ['schemas', index]) : undefined;
    return wrong.map((message) => ({ file, ...place!, message, suggestion: 'restore it from the history' }));
  });
}

function compatibilityFindings(schema: NamedSchema, versions: readonly LockedVersion[], schemas: SchemaSet): Finding[] {
  const file = schemas.files.get(schema.name)!;
  const findings = versions.flatMap((version) =>
    version.kind === 'AVRO'
      ? avroProblems(schema.definition as AvroNode, version.definition as AvroNode).map((problem) => ({
          ...placeOfField(problem.record, problem.field, schemas, file),
          message: `${problem.field ?? problem.record}: ${problem.message} (against version ${version.version} of ${schema.name})`,
          suggestion: 'only add optional fields; a breaking change is a new topic version',
        }))
      : jsonProblems(schema.definition, version.definition).map(({ path, message }) => ({
          file,
          ...locate(readFileSync(file, 'utf8'), path),
          message: `${message} (against version ${version.version} of ${schema.name})`,
          suggestion: 'documents already on the topic must stay valid; give a narrower shape a new name',
        })),
  );
  return [
    ...new Map(findings.map((finding) => [`${finding.file}:${finding.line}:${finding.message}`, finding])).values(),
  ];
}

/** Every field of ours has `doc` and a class of the closed list; masking would otherwise guess. */
function proseFindings(schemas: SchemaSet, root: string): Finding[] {
  const findings: Finding[] = [];
  for (const [name, file] of schemas.files) {
    if (!schemas.avro(name) || relative(root, file).startsWith('..')) continue;
    const text = readFileSync(file, 'utf8');
    walk(JSON.parse(text), [], (node, path) => {
      if (!('name' in node) || !('type' in node) || path.at(-2) !== 'fields') return;
      const at = { file, ...locate(text, path) };
      const field = String(node['name']);
      if (typeof node['doc'] !== 'string' || node['doc'] === '')
        findings.push({ ...at, message: `field ${field} has no doc`, suggestion: 'say what it means' });
      if (!(DATA_CLASSES as readonly unknown[]).includes(node['x-class']))
        findings.push({
          ...at,
          message: `field ${field} has no x-class`,
          suggestion: `one of ${DATA_CLASSES.join(', ')}`,
        });
    });
  }
  return findings;
}

/** The file and place of a record's field, wherever the record is defined. */
function placeOfField(
  record: string,
  field: string | undefined,
  schemas: SchemaSet,
  fallback: string,
): Omit<Finding, 'message'> {
  for (const [name, file] of schemas.files) {
    if (!schemas.avro(name)) continue;
    const text = readFileSync(file, 'utf8');
    let found: (string | number)[] | undefined;
    walk(JSON.parse(text), [], (node, path) => {
      if (node['type'] !== 'record' || !record.endsWith(String(node['name'])) || !Array.isArray(node['fields'])) return;
      const index = (node['fields'] as { name: string }[]).findIndex((candidate) => candidate.name === field);
      found ??= index < 0 ? path : [...path, 'fields', index];
    });
    if (found) return { file, ...locate(text, found) };
  }
  return { file: fallback, line: 1, column: 1 };
}

function walk(
  value: unknown,
  path: (string | number)[],
  visit: (node: Record<string, unknown>, path: (string | number)[]) => void,
): void {
  if (Array.isArray(value)) value.forEach((item, index) => walk(item, [...path, index], visit));
  else if (typeof value === 'object' && value !== null) {
    visit(value as Record<string, unknown>, path);
    for (const [name, item] of Object.entries(value)) walk(item, [...path, name], visit);
  }
}
