import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import { ConfigurationError } from '#contracts';
import type { Finding } from '#contracts';
import { AvroSchema } from './avro/avro-schema.ts';
import { fullName, selfContained } from './avro/definition.ts';
import type { AvroNode } from './avro/definition.ts';
import { BrokenSchema } from './broken-schema.ts';
import { locate } from './json/locate.ts';
import { parseExactJson } from './json/parse.ts';
import { JsonError } from './json/value.ts';
import { typeOf } from './registry/avro-compatibility.ts';
import { canonicalHash } from './registry/canonical-form.ts';
import { readLock } from './registry/lock.ts';
import type { LockedVersion } from './registry/lock.ts';
import { SchemaSet } from './schema-set.ts';
import type { NamedSchema } from './schema-set.ts';
import { isSchemaNode } from './target/json-schema.ts';
import type { JsonSchema } from './target/json-schema.ts';
import { TargetSchema } from './target/target-schema.ts';

interface SchemaFile {
  /** path below the root without extension: `canonical/order`, `targets/erp/customer` */
  path: string;
  file: string;
  definition: unknown;
}

/**
 * Reads every schema below the roots; a later root's file replaces an earlier one's of the same name. Throws a
 * `ConfigurationError` with a finding per broken file. A root that does not exist is an empty one.
 */
export function loadSchemas({ roots }: { roots: readonly string[] }): SchemaSet {
  const findings: Finding[] = [];
  const files = new Map<string, SchemaFile>();
  for (const root of roots)
    for (const file of readFiles(root, findings)) {
      files.set(file.path, file);
    }

  const avro = compileAvro(files, findings);
  const targets = compileJson(files, 'targets/', findings);
  const sources = compileJson(files, 'sources/', findings);
  const locked = lockedVersions(roots, findings);
  if (findings.length > 0) throw new ConfigurationError(findings);

  const published = new Map<string, NamedSchema>();
  for (const { name, definition } of avro.values())
    published.set(name, { name, kind: 'AVRO', definition, hash: canonicalHash(definition) });
  for (const { name, definition } of targets.values())
    published.set(name, { name, kind: 'JSON', definition, hash: canonicalHash(definition) });
  const paths = new Map<string, string>();
  for (const { path, file } of files.values()) paths.set(path.replace(/^targets\//, ''), file);
  return new SchemaSet({ avro, targets, sources, published, locked, files: paths });
}

const FOLDERS: Readonly<Record<string, string>> = {
  canonical: '.avsc',
  envelope: '.avsc',
  sources: '.json',
  targets: '.json',
};

function readFiles(root: string, findings: Finding[]): SchemaFile[] {
  const read: SchemaFile[] = [];
  for (const [folder, extension] of Object.entries(FOLDERS)) {
    const start = join(root, folder);
    if (!existsSync(start)) continue;
    const entries = readdirSync(start, { recursive: true, withFileTypes: true });
    for (const entry of entries) {
      if (!entry.isFile() || !entry.name.endsWith(extension)) continue;
      const file = join(entry.parentPath, entry.name);
      const path = relative(root, file).slice(0, -extension.length).replaceAll(sep, '/');
      const definition = readJson(file, findings);
      if (definition !== undefined) read.push({ path, file, definition });
    }
  }
  return read.sort((a, b) => (a.path < b.path ? -1 : 1));
}

function readJson(file: string, findings: Finding[]): unknown {
  const text = readFileSync(file, 'utf8');
  try {
    parseExactJson(text); // says where, and sees duplicate keys
    return JSON.parse(text) as unknown;
  } catch (error) {
    if (!(error instanceof JsonError)) throw error;
    findings.push({ file, line: error.line, column: error.column, message: error.message });
    return undefined;
  }
}

function compileAvro(files: ReadonlyMap<string, SchemaFile>, findings: Finding[]): Map<string, AvroSchema> {
  const mine = [...files.values()].filter(({ path }) => path.startsWith('canonical/') || path.startsWith('envelope/'));
  const byFullName = new Map<string, AvroNode>();
  for (const { definition } of mine)
    if (isAvroRecord(definition)) byFullName.set(fullName(definition.name ?? '', definition.namespace), definition);

  const compiled = new Map<string, AvroSchema>();
  const own: Finding[] = [];
  const echoes: Finding[] = [];
  for (const { path, file, definition } of mine)
    try {
      if (!isAvroRecord(definition)) throw new Error('expected an Avro schema of a record with a name and fields');
      const whole = selfContained(definition, (name) => byFullName.get(name));
      const schema = new AvroSchema(path, whole);
      typeOf(whole); // avsc knows the rules of names, symbols and defaults
      compiled.set(path, schema);
    } catch (error) {
      const elsewhere = error instanceof BrokenSchema && !exists(definition, error.path);
      (elsewhere ? echoes : own).push(findingOf(file, error));
    }
  findings.push(...withoutEchoes(own, echoes));
  return compiled;
}

function isAvroRecord(definition: unknown): definition is AvroNode {
  return (
    isSchemaNode(definition) &&
    definition['type'] === 'record' &&
    typeof definition['name'] === 'string' &&
    Array.isArray(definition['fields'])
  );
}

function compileJson(
  files: ReadonlyMap<string, SchemaFile>,
  folder: string,
  findings: Finding[],
): Map<string, TargetSchema> {
  const compiled = new Map<string, TargetSchema>();
  for (const { path, file, definition } of files.values()) {
    if (!path.startsWith(folder)) continue;
    const name = path.slice(folder.length);
    attempt(file, findings, () => {
      if (!isSchemaNode(definition)) throw new Error('expected a JSON Schema object');
      compiled.set(name, new TargetSchema(name, definition as JsonSchema));
    });
  }
  return compiled;
}

/** Ids are global: two roots must not give one id to different schemas. */
function lockedVersions(roots: readonly string[], findings: Finding[]): Map<number, LockedVersion> {
  const locked = new Map<number, LockedVersion>();
  for (const root of roots)
    attempt(join(root, 'registry.lock.json'), findings, () => {
      for (const version of readLock(root).schemas) {
        const other = locked.get(version.id);
        if (other && other.hash !== version.hash)
          throw new Error(`id ${version.id} is ${version.name} here and ${other.name} in another lock file`);
        locked.set(version.id, version);
      }
    });
  return locked;
}

function attempt(file: string, findings: Finding[], act: () => void): void {
  try {
    act();
  } catch (error) {
    findings.push(findingOf(file, error));
  }
}

function findingOf(file: string, error: unknown): Finding {
  const place = error instanceof BrokenSchema ? locate(readFileSync(file, 'utf8'), error.path) : { line: 1, column: 1 };
  return { file, ...place, message: error instanceof Error ? error.message : String(error) };
}

/** A broken record is written out in every schema that uses it; the mistake is shown where it was made. */
function withoutEchoes(findings: readonly Finding[], echoes: readonly Finding[]): Finding[] {
  return [...findings, ...echoes.filter((echo) => !findings.some(({ message }) => message === echo.message))];
}

function exists(definition: unknown, path: readonly (string | number)[]): boolean {
  let node: unknown = definition;
  for (const step of path) {
    if (typeof node !== 'object' || node === null || !(step in node)) return false;
    node = (node as Record<string | number, unknown>)[step];
  }
  return true;
}
