import { readFileSync } from 'node:fs';
import { ConfigurationError, parseRecordKey, recordKey, RESULT_ENTITY } from '#contracts';
import type { Envelope, Finding } from '#contracts';
import { jsonObject, JsonNumber } from '#schema';
import type { Json, JsonObject } from '#schema';
import type { Bundle } from './bundle.ts';
import { differences } from './difference.ts';
import { Findings } from './findings.ts';
import type { CompiledMapping, Mapped } from './mapping.ts';
import { entryOf, parseYaml } from './yaml.ts';
import type { At, Mapping, Tree } from './yaml.ts';

/** What a case expects of its event. Reasons are parts of the reason given. */
export type Expected =
  { kind: 'document'; document: Json; review?: string } | { kind: 'ignored' | 'withdraw' | 'rejected'; reason: string };

/**
 * One example beside a mapping, in `<mapping>.cases.yaml`: a list of
 *
 *     - name: a cancelled order withdraws what was delivered
 *       event: { id: O-1, stage: CANCELLED, ... }      # canonical JSON, or what the source sends
 *       zone: Europe/Berlin                            # default UTC
 *       document: { ... }                              # a reference is { $reference: customer, of: C-1 }, an open value
 *                                                      # { $values: payment-terms, from: NET30 }
 *       review: part of the reason                     # or, instead of document: ignored, withdraw, rejected
 */
export interface MappingCase {
  name: string;
  event: Json;
  zone: string;
  expected: Expected;
  file: string;
  line: number;
}

export interface CaseResult {
  name: string;
  passed: boolean;
  file: string;
  line: number;
  /** one difference per line; empty when it passed */
  difference: string;
}

const OUTCOMES = ['document', 'ignored', 'withdraw', 'rejected'] as const;
const KEYS = ['name', 'event', 'zone', 'review', ...OUTCOMES];
const TENANT = 'acme';

/** The cases of a mapping; none when it has no file. Throws a `ConfigurationError` when the file is not as it should be. */
export function readCases(bundle: Bundle, mapping: string): MappingCase[] {
  const file = bundle.cases.get(mapping);
  if (file === undefined) return [];
  const list: Finding[] = [];
  const tree = parseYaml(file, readFileSync(file, 'utf8'), list);
  const findings = new Findings(file, list);
  if (tree && tree.kind !== 'list') findings.add(tree.at, 'a file of cases is a list');
  const items = tree?.kind === 'list' ? tree.items : [];
  const cases = items.map((item) => caseOf(item, file, findings)).filter((one) => one !== undefined);
  if (list.length > 0) throw new ConfigurationError(list);
  return cases;
}

function caseOf(node: Tree, file: string, findings: Findings): MappingCase | undefined {
  if (node.kind !== 'mapping') return findings.add(node.at, 'a case has name, event and what is expected');
  for (const entry of node.entries)
    if (!KEYS.includes(entry.key)) findings.unknown(entry.keyAt, `unknown key ${entry.key}`, entry.key, KEYS);
  const name = textOf(node, 'name') ?? findings.add(node.at, 'the case has no name');
  const event = entryOf(node, 'event')?.value;
  if (!event) return findings.add(node.at, 'the case has no event');
  const expected = OUTCOMES.filter((outcome) => entryOf(node, outcome));
  if (expected.length !== 1)
    return findings.add(node.at, 'a case expects one of document, ignored, withdraw, rejected');
  const outcome = expected[0]!;
  const at: At = node.at;
  return {
    name: name ?? '',
    event: jsonOf(event),
    zone: textOf(node, 'zone') ?? 'UTC',
    file,
    line: at.line,
    expected:
      outcome === 'document'
        ? { kind: outcome, document: jsonOf(entryOf(node, outcome)!.value), review: textOf(node, 'review') }
        : { kind: outcome, reason: textOf(node, outcome) ?? '' },
  };
}

function textOf(node: Mapping, key: string): string | undefined {
  const found = entryOf(node, key)?.value;
  return found?.kind === 'scalar' ? found.text : undefined;
}

/** YAML as exact JSON: numbers by their digits. */
function jsonOf(node: Tree): Json {
  if (node.kind === 'list') return node.items.map(jsonOf);
  if (node.kind === 'mapping') return jsonObject(node.entries.map((entry) => [entry.key, jsonOf(entry.value)]));
  return typeof node.value === 'number' ? new JsonNumber(node.text) : node.value;
}

/** Runs every case of a mapping: parse, map, compare. Pure but for reading the file; well under a second for hundreds. */
export function runCases(bundle: Bundle, mapping: string): CaseResult[] {
  return readCases(bundle, mapping).map((one) => {
    const difference = caseDifference(bundle, mapping, one);
    return { name: one.name, file: one.file, line: one.line, passed: difference === '', difference };
  });
}

/** What is different from what a case expects, one line each; empty when nothing is. */
export function caseDifference(bundle: Bundle, name: string, one: MappingCase): string {
  const mapping = bundle.mapping(name);
  const mapped = mapping.entity === undefined ? normalised(bundle, name, one) : fromEvent(bundle, mapping, one);
  if (typeof mapped === 'string') return mapped;
  const { expected } = one;
  if (mapped.kind !== expected.kind) return `expected ${expected.kind}, got ${mapped.kind}${because(mapped)}`;
  if (mapped.kind !== 'document') {
    const wanted = expected.kind === 'document' ? '' : expected.reason;
    return mapped.reason.includes(wanted) ? '' : `expected the reason ${quote(wanted)}, got ${quote(mapped.reason)}`;
  }
  const wanted = expected as Extract<Expected, { kind: 'document' }>;
  const lines = differences(wanted.document, withOpenFields(mapped.body, mapped.open), '');
  if (wanted.review === undefined && mapped.review !== undefined)
    lines.push(`expected no review, got ${quote(mapped.review)}`);
  if (wanted.review !== undefined && !mapped.review?.includes(wanted.review))
    lines.push(
      `expected the review ${quote(wanted.review)}, got ${mapped.review === undefined ? 'none' : quote(mapped.review)}`,
    );
  return [...lines, ...unfit(bundle, mapping, mapped)].join('\n');
}

const quote = (text: string): string => JSON.stringify(text);

function because(mapped: Mapped): string {
  return mapped.kind === 'document' ? '' : `: ${mapped.reason}`;
}

function fromEvent(bundle: Bundle, mapping: CompiledMapping, one: MappingCase): Mapped | string {
  const schema = bundle.schemas.avro(mapping.from);
  if (!schema) return `there is no schema ${mapping.from}`;
  const read = schema.fromJson(one.event, { zone: one.zone, idPrefix: '' });
  if (!read.ok) return `the event is not ${mapping.from}: ${read.message}`;
  if (read.unknown.length > 0)
    return `the event has fields that ${mapping.from} does not know: ${read.unknown.join(', ')}`;
  const { entity } = mapping;
  const envelope =
    entity === RESULT_ENTITY
      ? envelopeOf(String(read.record['entity']), String(read.record['recordId']))
      : envelopeOf(entity!, String(read.record['id']));
  return bundle.mapWith(mapping.name, read.record, envelope, one.zone);
}

function normalised(bundle: Bundle, name: string, one: MappingCase): Mapped | string {
  const result = bundle.normalise(name, one.event, { zone: one.zone });
  if (!result.ok) return { kind: 'rejected', reason: result.message };
  return { kind: 'document', body: result.json as JsonObject, open: [], createOnly: [] };
}

function envelopeOf(entity: string, id: string): Envelope {
  const event = '00000000-0000-5000-8000-000000000000';
  return {
    id: event,
    source: 'case',
    type: `crm.${entity}.updated`,
    subject: id,
    time: '2026-01-01T00:00:00.000Z',
    dataschema: `canonical/${entity}`,
    tenant: TENANT,
    partitionkey: recordKey(TENANT, entity, id),
    aggregateversion: 1n,
    correlationid: event,
    hopcount: 0,
  };
}

/** The body with what delivery fills in shown at its place, as cases write it. */
export function withOpenFields(body: JsonObject, open: Extract<Mapped, { kind: 'document' }>['open']): JsonObject {
  if (open.length === 0) return body;
  const copy = structuredCopy(body) as JsonObject;
  for (const field of open) {
    const shown: JsonObject =
      'reference' in field
        ? { $reference: field.reference.document, of: parseRecordKey(field.reference.key).recordId }
        : { $values: field.values.set, from: field.values.from };
    const names = field.pointer
      .slice(1)
      .split('/')
      .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'));
    const last = names.pop()!;
    let at: Json = copy;
    for (const part of names) at = (at as JsonObject)[part]!;
    (at as JsonObject)[last] = shown;
  }
  return copy;
}

function structuredCopy(json: Json): Json {
  if (Array.isArray(json)) return json.map(structuredCopy);
  if (typeof json !== 'object' || json === null || json instanceof JsonNumber) return json;
  return jsonObject(Object.entries(json).map(([name, one]) => [name, structuredCopy(one)]));
}

/** What the target's own schema says of the document, as delivery will ask it; open fields are not there yet. */
function unfit(bundle: Bundle, mapping: CompiledMapping, mapped: Extract<Mapped, { kind: 'document' }>): string[] {
  const target = bundle.schemas.target(mapping.to);
  if (!target || mapped.review !== undefined) return [];
  const open = new Set(mapped.open.map((field) => field.pointer));
  return target
    .validate(mapped.body)
    .filter((finding) => !open.has(finding.path))
    .map((finding) => `${mapping.to} refuses ${finding.path}: ${finding.message}`);
}
