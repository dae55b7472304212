import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { ConfigurationError, type Configuration, type DocumentDeclaration, type Finding } from '#contracts';
import { parseSourceSettings, parseTargetSettings, type SettingsFinding } from '#connectors';
import { mappingFlows, checkMappings, runCases, type Bundle } from '#mapping';
import { loadConfiguration, schemaRoots, type Environment } from '#platform';
import { checkSchemas, loadSchemas, type SchemaSet } from '#schema';

export interface Project {
  configuration: Configuration;
  schemas: SchemaSet;
  bundle: Bundle;
  roots: readonly string[];
}

/**
 * Configuration, connectors' settings, schemas with their compatibility, mappings and cases, all together: what
 * `crossdock check` runs and every process before it starts. Throws one ConfigurationError with every finding.
 */
export async function checkProject(environment: Environment): Promise<Project> {
  const findings: Finding[] = [];
  const collect = <T>(work: () => T): T | undefined => {
    try {
      return work();
    } catch (error) {
      if (!(error instanceof ConfigurationError)) throw error;
      findings.push(...error.findings);
      return undefined;
    }
  };
  const roots = schemaRoots(environment);
  const configuration = collect(() => loadConfiguration(environment));
  const schemas = collect(() => loadSchemas({ roots }));
  for (const [index, root] of roots.entries())
    if (schemas) findings.push(...checkSchemas({ root, base: roots.slice(0, index) }).findings);
  const documents = configuration ? checkConnections(configuration, environment, findings) : new Map();
  let bundle: Bundle | undefined;
  if (configuration && schemas) {
    checkNormalisers(configuration, environment, findings);
    const flows = mappingFlows(
      configuration.flows.values(),
      (flow) => configuration.position(['flows', flow.name, 'mapping']),
      (connection) => documents.get(connection),
    );
    const checked = checkMappings({ roots, schemas, flows });
    findings.push(...checked.findings);
    checkValues(configuration, schemas, findings);
    bundle = checked.bundle;
    if (findings.length === 0) findings.push(...failingCases(bundle, collect));
  }
  if (findings.length > 0 || !configuration || !schemas || !bundle) throw new ConfigurationError(findings);
  return { configuration, schemas, bundle, roots };
}

type Documents = ReadonlyMap<string, DocumentDeclaration>;

/** Every connection's settings by its connector; gives what the targets declare. */
function checkConnections(
  configuration: Configuration,
  environment: Environment,
  findings: Finding[],
): Map<string, Documents> {
  const documents = new Map<string, Documents>();
  for (const connection of configuration.connections.values()) {
    const report = (list: readonly SettingsFinding[]): void => {
      for (const { path, message, suggestion } of list) {
        const place = message.startsWith('unknown connector') ? ['connector'] : ['settings', ...path];
        findings.push({
          ...configuration.position(['connections', connection.name, ...place]),
          message: `${connection.name}: ${message}`,
          suggestion,
        });
      }
    };
    if (connection.side === 'source') {
      const source = parseSourceSettings(connection, { host: environment.host });
      if (!source.ok) report(source.findings);
      continue;
    }
    const target = parseTargetSettings(connection);
    if (target.ok) documents.set(connection.name, target.value);
    else report(target.findings);
  }
  return documents;
}

/** Mappings that sources name to normalise with have to be there. */
function checkNormalisers(configuration: Configuration, environment: Environment, findings: Finding[]): void {
  for (const connection of configuration.connections.values()) {
    if (connection.side !== 'source') continue;
    const source = parseSourceSettings(connection, { host: environment.host });
    if (!source.ok) continue;
    for (const [entity, mapping] of source.value.normalise)
      if (!schemaRoots(environment).some((root) => existsSync(join(root, 'mappings', `${mapping}.yaml`))))
        findings.push({
          ...configuration.position(['connections', connection.name, 'settings', 'normalise', entity]),
          message: `${connection.name}: there is no mapping ${mapping}`,
        });
  }
}

/** `value: { amount, currency }` of a flow are paths in its canonical record. */
function checkValues(configuration: Configuration, schemas: SchemaSet, findings: Finding[]): void {
  for (const flow of configuration.flows.values()) {
    const schema = schemas.canonical(flow.entity);
    if (!flow.value || !schema) continue;
    for (const name of ['amount', 'currency'] as const)
      if (!hasPath(schema.definition, flow.value[name].split('.')))
        findings.push({
          ...configuration.position(['flows', flow.name, 'value', name]),
          message: `crm.${flow.entity} has no field ${flow.value[name]}`,
          suggestion: 'a path such as total.amount',
        });
  }
}

/** Follows names through records, unions with null and named types that stand inside. */
function hasPath(node: unknown, path: readonly string[]): boolean {
  if (Array.isArray(node)) return node.some((branch) => hasPath(branch, path));
  if (typeof node !== 'object' || node === null) return path.length === 0;
  const { type, fields } = node as { type?: unknown; fields?: { name: string; type: unknown }[] };
  if (fields) {
    const field = fields.find((one) => one.name === path[0]);
    return field !== undefined && hasPath(field.type, path.slice(1));
  }
  return typeof type === 'object' ? hasPath(type, path) : path.length === 0;
}

function failingCases(bundle: Bundle, collect: <T>(work: () => T) => T | undefined): Finding[] {
  return [...bundle.cases.keys()].flatMap((mapping) =>
    (collect(() => runCases(bundle, mapping)) ?? [])
      .filter((result) => !result.passed)
      .map((result) => ({
        file: result.file,
        line: result.line,
        column: 1,
        message: `the case "${result.name}" gives another result:\n${result.difference.replace(/^/gm, '    ')}`,
      })),
  );
}

/** The mappings by themselves, for whoever writes one: no configuration has to be right yet. */
export function checkMappingsAlone(environment: Pick<Environment, 'home'>): Bundle {
  const roots = schemaRoots(environment);
  const { bundle, findings } = checkMappings({ roots, schemas: loadSchemas({ roots }) });
  if (findings.length > 0) throw new ConfigurationError(findings);
  return bundle;
}
