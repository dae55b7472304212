import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { ConfigurationError } from '#contracts';
import type { Finding } from '#contracts';
import { Bundle } from './bundle.ts';
import { bindFlows } from './flows.ts';
import type { MappingFlow } from './flows.ts';
import { suggest } from './findings.ts';
import { compileMapping } from './mapping.ts';
import type { CompiledMapping } from './mapping.ts';
import { sidesOf } from './sides.ts';
import type { MappingSchemas } from './sides.ts';
import { readTable } from './table.ts';
import type { Table } from './table.ts';
import { normalForm, parseYaml } from './yaml.ts';

export interface LoadOptions {
  /** folders that hold `mappings/` and `tables/`; of two files with one name the later root's counts, its cases too */
  roots: readonly string[];
  schemas: MappingSchemas;
  /** none: mappings are checked by themselves, references are not looked up */
  flows?: readonly MappingFlow[];
}

/**
 * Reads and checks every mapping of all roots. Throws a `ConfigurationError` with every finding of every file, or gives
 * one immutable bundle. Reads files and nothing else; called at start, and again when a change is to be swapped in.
 */
export function loadMappings({ roots, schemas, flows = [] }: LoadOptions): Bundle {
  const { bundle, findings } = checkMappings({ roots, schemas, flows });
  if (findings.length > 0) throw new ConfigurationError(findings);
  return bundle;
}

/** The same without throwing: findings, and the bundle of what is good, for `crossdock check` and editors. */
export function checkMappings({ roots, schemas, flows = [] }: LoadOptions): { bundle: Bundle; findings: Finding[] } {
  const findings: Finding[] = [];
  const tables = new Map<string, Table>();
  for (const [name, file] of filesIn(roots, 'tables')) {
    const table = readTable(name, shown(file), readFileSync(file, 'utf8'), findings);
    if (table) tables.set(name, table);
  }
  const sides = sidesOf(schemas, tables);
  const mappings = new Map<string, CompiledMapping>();
  const broken = new Set<string>();
  const cases = new Map<string, string>();
  const files = filesIn(roots, 'mappings');
  const used = new Set(flows.map((flow) => flow.mapping));
  const last = roots.at(-1) ?? '';
  for (const [name, file] of files) {
    if (name.endsWith(CASES)) continue;
    // of the shipped examples, what no flow uses and no longer fits the user's schemas is left out, not an error
    const example = !used.has(name) && relative(last, file).startsWith('..');
    const own: Finding[] = [];
    const tree = parseYaml(shown(file), readFileSync(file, 'utf8'), own);
    const mapping = tree && compileMapping(name, shown(file), tree, sides, own);
    if (mapping) mappings.set(name, mapping);
    else if (!example) broken.add(name);
    if (!example) findings.push(...own);
    const itsCases = files.get(name + CASES);
    if (mapping && itsCases !== undefined && !(example && flows.length > 0)) cases.set(name, itsCases);
  }
  for (const [name, file] of files) {
    const of = name.endsWith(CASES) ? name.slice(0, -CASES.length) : undefined;
    if (of === undefined || files.has(of)) continue;
    const known = [...files.keys()].filter((one) => !one.endsWith(CASES));
    findings.push({
      file: shown(file),
      line: 1,
      column: 1,
      message: `there is no mapping ${of}`,
      suggestion: suggest(of, known),
    });
  }
  const bound = bindFlows(flows, mappings, broken, findings);
  const content = {
    mappings: [...mappings.values()].map((mapping) => [mapping.name, mapping.normal]),
    tables: [...tables.values()].map((table) => [table.name, normalForm(table.tree)]),
  };
  const hash = createHash('sha256').update(JSON.stringify(content)).digest('hex');
  findings.sort((a, b) => (a.file < b.file ? -1 : a.file > b.file ? 1 : a.line - b.line || a.column - b.column));
  return { bundle: new Bundle({ hash, mappings, flows: bound, cases, schemas }), findings };
}

const CASES = '.cases';

/** Name without `.yaml` -> file, sorted by name. */
function filesIn(roots: readonly string[], folder: string): Map<string, string> {
  const found = new Map<string, string>();
  for (const root of roots) {
    const path = join(root, folder);
    if (!existsSync(path)) continue;
    const files = readdirSync(path, { recursive: true, withFileTypes: true });
    for (const entry of files) {
      if (!entry.isFile() || !/\.ya?ml$/.test(entry.name)) continue;
      const file = join(entry.parentPath, entry.name);
      const name = relative(path, file)
        .replaceAll('\\', '/')
        .replace(/\.ya?ml$/, '');
      found.set(name, file);
      // a mapping that is replaced takes its cases with it
      if (!name.endsWith(CASES) && !existsSync(file.replace(/\.ya?ml$/, `${CASES}.yaml`))) found.delete(name + CASES);
    }
  }
  return new Map([...found].sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** Relative to where people stand, if that is shorter. */
function shown(file: string): string {
  const path = relative(process.cwd(), file);
  return path === '' || path.startsWith('..') ? file : path;
}
