import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import {
  ConfigurationError,
  CRM_ENTITIES,
  didYouMean,
  RESULT_ENTITY,
  Secret,
  type Configuration,
  type Connection,
  type Finding,
  type Flow,
  type SettingsValue,
} from '#contracts';
import { readYaml, type Path, type PositionedYaml } from './positions.ts';
import { isSecretReference, resolveSecret, type SecretSources } from './secrets.ts';
import { FILE, type File } from './shape.ts';

const SOURCES: ReadonlySet<string> = new Set(['webhook', 'outbox']);
/** What a write-back is `on`. */
const RESULT = 'sync.result';

/**
 * Reads and checks `crossdock.yaml` of the home folder. Throws ConfigurationError with every finding at once. What belongs
 * to a connector (`settings`) and to mappings is checked by those rooms; `crossdock check` brings all together.
 */
export function loadConfiguration(sources: SecretSources): Configuration {
  const file = join(sources.home, 'crossdock.yaml');
  if (!existsSync(file))
    throw new ConfigurationError([
      {
        file,
        line: 1,
        column: 1,
        message: 'there is no crossdock.yaml',
        suggestion: 'set CROSSDOCK_HOME to its folder',
      },
    ]);
  return parseConfiguration(file, readFileSync(file, 'utf8'), sources);
}

export function parseConfiguration(file: string, text: string, sources: SecretSources): Configuration {
  const yaml = readYaml(file, text);
  const findings: Finding[] = [];
  const report = (path: Path, message: string, suggestion?: string, at: 'key' | 'value' = 'value'): void => {
    findings.push({ ...yaml.position(path, at), message, suggestion });
  };

  const parsed = FILE.safeParse(yaml.value);
  if (!parsed.success) {
    for (const issue of parsed.error.issues) reportIssue(issue, yaml, report);
    throw new ConfigurationError(findings);
  }
  const { data } = parsed;
  const connections = new Map<string, Connection>();
  for (const [name, value] of Object.entries(data.connections))
    connections.set(name, connectionOf(name, value, sources, report));
  const flows = new Map<string, Flow>();
  for (const [name, value] of Object.entries(data.flows))
    flows.set(name, flowOf(name, value, data.flows, connections, report));
  checkPrefixes(connections, flows, report);
  if (findings.length > 0) throw new ConfigurationError(findings);
  return {
    tenant: data.tenant,
    publicUrl: data.public?.url,
    connections,
    flows,
    position: (path) => yaml.position(path),
  };
}

type Report = (path: Path, message: string, suggestion?: string, at?: 'key' | 'value') => void;

function reportIssue(issue: z.core.$ZodIssue, yaml: PositionedYaml, report: Report): void {
  const path = issue.path as (string | number)[];
  if (issue.code === 'unrecognized_keys') {
    const known = knownKeys(path);
    for (const key of issue.keys) report([...path, key], `"${key}" is not known here`, didYouMean(key, known), 'key');
    return;
  }
  const missing = issue.code === 'invalid_type' && valueAt(yaml.value, path) === undefined;
  if (missing) report(path.slice(0, -1), `"${String(path.at(-1))}" is missing`, undefined, 'key');
  else if (issue.code === 'invalid_key') report(path, issue.issues[0]?.message ?? issue.message, undefined, 'key');
  else if (issue.code === 'invalid_type' && issue.message.startsWith('Invalid input'))
    report(path, `has to be ${KINDS[issue.expected] ?? issue.expected}`);
  else report(path, issue.message);
}

/** What the form asks for, as people say it. */
const KINDS: Readonly<Record<string, string>> = {
  string: 'a text, for example 30s where a duration stands',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'a block of keys',
  record: 'a block of keys',
};

/** The keys the form allows at a path of the file: for "did you mean". */
function knownKeys(path: Path): string[] {
  let at: z.ZodType | undefined = FILE;
  for (const step of path) {
    at = unwrap(at);
    if (at instanceof z.ZodObject) at = at.shape[String(step)] as z.ZodType | undefined;
    else if (at instanceof z.ZodRecord) at = at.valueType as z.ZodType;
    else if (at instanceof z.ZodArray) at = at.element as z.ZodType;
    else return [];
  }
  at = unwrap(at);
  return at instanceof z.ZodObject ? Object.keys(at.shape) : [];
}

function unwrap(type: z.ZodType | undefined): z.ZodType | undefined {
  let at = type;
  while (at instanceof z.ZodDefault || at instanceof z.ZodPrefault || at instanceof z.ZodOptional)
    at = at.unwrap() as z.ZodType;
  return at;
}

function valueAt(value: unknown, path: Path): unknown {
  let at = value;
  for (const step of path)
    at = typeof at === 'object' && at !== null ? (at as Record<string, unknown>)[step] : undefined;
  return at;
}

function connectionOf(
  name: string,
  value: File['connections'][string],
  sources: SecretSources,
  report: Report,
): Connection {
  const path = ['connections', name];
  return {
    name,
    connector: value.connector,
    side: SOURCES.has(value.connector) ? 'source' : 'target',
    zone: value.zone,
    idPrefix: value.idPrefix,
    settings: settingsOf(value.settings, [...path, 'settings'], sources, report),
    budget: budgetOf(value.budget, [...path, 'budget'], report),
    timeoutMs: value.timeout,
    retry: { ladderMs: value.retry.ladder, jitter: value.retry.jitter },
    breaker: {
      windowMs: value.breaker.window,
      minimum: value.breaker.minimum,
      failures: value.breaker.failures,
      slowMs: value.breaker.slow,
      probeMs: value.breaker.probe,
    },
    allowPrivate: value.allowPrivate,
  };
}

function budgetOf(value: File['connections'][string]['budget'], path: Path, report: Report): Connection['budget'] {
  const { requestsPerMinute, concurrency, dailyQuota, reserve = 0 } = value;
  if (dailyQuota === undefined) {
    if (value.reserve !== undefined) report([...path, 'reserve'], 'is a part of dailyQuota, which is missing');
    return { requestsPerMinute, concurrency };
  }
  const kept = typeof reserve === 'number' ? reserve : Math.ceil(dailyQuota * reserve.share);
  if (kept >= dailyQuota) report([...path, 'reserve'], `leaves nothing of the ${dailyQuota} requests to deliver with`);
  return { requestsPerMinute, concurrency, dailyQuota, reserve: kept };
}

/** Settings as they stand, with every secret reference replaced by its Secret. */
function settingsOf(value: unknown, path: Path, sources: SecretSources, report: Report): SettingsValue {
  if (isSecretReference(value)) {
    const secret = resolveSecret(value, sources);
    if (secret instanceof Secret) return secret;
    report(path, secret);
    return null;
  }
  if (Array.isArray(value)) return value.map((item, index) => settingsOf(item, [...path, index], sources, report));
  if (typeof value === 'object' && value !== null)
    return Object.fromEntries(
      Object.entries(value).map(([key, item]) => [key, settingsOf(item, [...path, key], sources, report)]),
    );
  if (value === null || typeof value === 'boolean' || typeof value === 'number' || typeof value === 'string')
    return value;
  report(path, 'is neither text, number, true, false, list nor object');
  return null;
}

function flowOf(
  name: string,
  value: File['flows'][string],
  all: File['flows'],
  connections: ReadonlyMap<string, Connection>,
  report: Report,
): Flow {
  const path = ['flows', name];
  const isResult = value.on === RESULT;
  const entity = isResult ? RESULT_ENTITY : value.on.replace(/^crm\./, '');
  const events = [...CRM_ENTITIES.map((known) => `crm.${known}`), RESULT];
  if (!events.includes(value.on))
    report([...path, 'on'], `"${value.on}" is none of ${events.join(', ')}`, didYouMean(value.on, events));
  const side = (which: Connection['side']): string[] =>
    [...connections.values()].filter((connection) => connection.side === which).map((connection) => connection.name);
  if (!side('target').includes(value.to))
    report([...path, 'to'], `there is no target connection "${value.to}"`, didYouMean(value.to, side('target')));
  for (const [index, from] of (value.from ?? []).entries())
    if (!side('source').includes(from))
      report([...path, 'from', index], `there is no source connection "${from}"`, didYouMean(from, side('source')));
  const forward = Object.keys(all).filter((flow) => all[flow]!.on !== RESULT);
  if (isResult) checkResultFlow(path, value, forward, report);
  else if (value.of !== undefined)
    report(
      [...path, 'of'],
      `"of" is for flows on ${RESULT}`,
      'take it out: an event of the CRM belongs to no flow',
      'key',
    );
  return {
    name,
    entity,
    from: value.from ?? side('source'),
    of: isResult ? (value.of ?? forward) : undefined,
    to: value.to,
    mapping: value.mapping,
    freshnessMs: value.freshness,
    value: value.value,
  };
}

/** A write-back says whose results it takes: those of every source would tell one CRM of another's records. */
function checkResultFlow(path: Path, value: File['flows'][string], forward: readonly string[], report: Report): void {
  if (value.from === undefined)
    report(path, `a flow on ${RESULT} needs "from"`, 'name the source whose records the target holds', 'key');
  for (const [index, of] of (value.of ?? []).entries())
    if (!forward.includes(of))
      report([...path, 'of', index], `there is no flow "${of}" on events of the CRM`, didYouMean(of, forward));
}

/** Two sources that feed one entity must not be able to give two records one id. */
function checkPrefixes(
  connections: ReadonlyMap<string, Connection>,
  flows: ReadonlyMap<string, Flow>,
  report: Report,
): void {
  const told = new Set<string>();
  const entities = new Set([...flows.values()].map((flow) => flow.entity));
  entities.delete(RESULT_ENTITY); // its records are those of the other flows
  for (const entity of entities) {
    const names = [...flows.values()].filter((flow) => flow.entity === entity).flatMap((flow) => flow.from);
    const feeding = [...new Set(names)].flatMap((name) => connections.get(name) ?? []);
    for (const [index, one] of feeding.entries())
      for (const other of feeding.slice(index + 1)) {
        const [short, long] = one.idPrefix.length <= other.idPrefix.length ? [one, other] : [other, one];
        if (!long.idPrefix.startsWith(short.idPrefix) || told.has(`${short.name} ${long.name}`)) continue;
        told.add(`${short.name} ${long.name}`);
        report(
          ['connections', short.name],
          `${short.name} and ${long.name} both feed ${entity}, and idPrefix "${short.idPrefix}" is a prefix of "${long.idPrefix}"`,
          'give each its own idPrefix, for example "a-" and "b-"',
          'key',
        );
      }
  }
}
