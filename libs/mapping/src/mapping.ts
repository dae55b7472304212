import { CrossdockError, RESULT_ENTITY } from '#contracts';
import type { Envelope, Finding, OpenField } from '#contracts';
import type { JsonObject } from '#schema';
import { checksOf } from './checks.ts';
import type { Check } from './checks.ts';
import { conditionOf } from './condition.ts';
import type { Condition } from './condition.ts';
import type { Context, Lineage } from './context.ts';
import { Findings } from './findings.ts';
import type { NamedFunction } from './functions/function.ts';
import { objectOf } from './object.ts';
import type { Put } from './put.ts';
import { newScope, Refusal } from './scope.ts';
import type { Scope, Source } from './scope.ts';
import type { RecordShape } from './shape.ts';
import type { Table } from './table.ts';
import { valueOf } from './value.ts';
import { entryOf, normalForm } from './yaml.ts';
import type { Mapping as MappingNode, Tree } from './yaml.ts';

/** What one event became by one mapping. Open fields are absent from the body. */
export type Mapped =
  | { kind: 'document'; body: JsonObject; open: OpenField[]; createOnly: string[]; review?: string }
  /** `ignored` and `withdraw`: the `when` that does not hold; `rejected`: why no document can be made of the event */
  | { kind: 'ignored' | 'withdraw' | 'rejected'; reason: string };

/** Both sides of a mapping, looked up by the names it gives. */
export interface Sides {
  source(name: string): { shape: RecordShape; json: boolean } | undefined;
  target(name: string): { shape: RecordShape; canonical: boolean } | undefined;
  sourceNames: readonly string[];
  targetNames: readonly string[];
  /** canonical entities */
  entities: ReadonlySet<string>;
  tables: ReadonlyMap<string, Table>;
  functions: ReadonlyMap<string, NamedFunction>;
}

/** A checked mapping, ready to run. Immutable and without state of its own between events. */
export interface CompiledMapping {
  name: string;
  file: string;
  from: string;
  to: string;
  /** entity of a mapping from `canonical/<entity>`; `sync-result` of one from `envelope/sync-result` */
  entity: string | undefined;
  /** document type, unless the target is canonical */
  document: string | undefined;
  otherwise: 'ignore' | 'withdraw';
  tree: MappingNode;
  lineage: Lineage;
  source: RecordShape;
  /** content that counts, for the bundle's hash */
  normal: unknown;
  run(record: Source, envelope: Envelope, zone: string, references: Readonly<Record<string, string>>): Mapped;
}

const KEYS = ['from', 'to', 'doc', 'document', 'when', 'otherwise', 'fields', 'checks'];
const CANONICAL = 'canonical/';
const RESULT = `envelope/${RESULT_ENTITY}`;

/** Checks one mapping file; every mistake goes to `list`, and then nothing is given. */
export function compileMapping(
  name: string,
  file: string,
  tree: Tree,
  sides: Sides,
  list: Finding[],
): CompiledMapping | undefined {
  const findings = new Findings(file, list);
  const before = list.length;
  if (tree.kind !== 'mapping') return findings.add(tree.at, 'a mapping has from, to and fields');
  for (const entry of tree.entries)
    if (!KEYS.includes(entry.key)) findings.unknown(entry.keyAt, `unknown key ${entry.key}`, entry.key, KEYS);
  const text = (key: string): string | undefined => {
    const node = entryOf(tree, key)?.value;
    if (!node) return findings.add(tree.at, `${key} is missing`);
    return node.kind === 'scalar' && typeof node.value === 'string'
      ? node.value
      : findings.add(node.at, `${key} takes a name`);
  };
  const from = text('from');
  const to = text('to');
  const source = from === undefined ? undefined : sides.source(from);
  const target = to === undefined ? undefined : sides.target(to);
  if (from !== undefined && !source)
    findings.unknown(entryOf(tree, 'from')!.value.at, `there is no schema ${from}`, from, sides.sourceNames);
  if (to !== undefined && !target)
    findings.unknown(entryOf(tree, 'to')!.value.at, `there is no schema ${to}`, to, sides.targetNames);
  const document = target?.canonical === true && !entryOf(tree, 'document') ? undefined : text('document');
  const fields = entryOf(tree, 'fields');
  if (!fields) findings.add(tree.at, 'fields is missing');
  if (!from || !to || !source || !target || !fields) return undefined;

  const lineage: Lineage = { fields: [], reads: new Set(), references: [], createOnly: [], sets: new Set() };
  const context: Context = {
    findings,
    mapping: name,
    sourceName: from,
    targetName: to,
    record: source.shape,
    item: source.shape,
    itemRead: '',
    inEach: false,
    json: source.json,
    canonicalTarget: target.canonical,
    tables: sides.tables,
    functions: sides.functions,
    entities: sides.entities,
    mapped: new Map(),
    toBeMapped: new Set(fields.value.kind === 'mapping' ? fields.value.entries.map((entry) => entry.key) : []),
    targetPath: '',
    lineage,
    value: valueOf,
  };
  const condition = whenOf(tree, context);
  const otherwise = otherwiseOf(tree, condition !== undefined, context);
  const put = objectOf(fields.value, target.shape, fields.keyAt, '', context);
  const checks = checksOf(tree, context);
  if (list.length > before || !put) return undefined;
  return {
    name,
    file,
    from,
    to,
    entity: entityOf(from),
    document,
    otherwise,
    tree,
    lineage,
    source: source.shape,
    normal: normalForm(tree),
    run: runner(name, condition, otherwise, put, checks),
  };
}

function entityOf(from: string): string | undefined {
  if (from === RESULT) return RESULT_ENTITY;
  return from.startsWith(CANONICAL) ? from.slice(CANONICAL.length) : undefined;
}

function runner(
  name: string,
  condition: Condition | undefined,
  otherwise: 'ignore' | 'withdraw',
  put: Put,
  checks: readonly Check[],
): CompiledMapping['run'] {
  return (record, envelope, zone, references) => {
    const scope = newScope(record, envelope, zone, references);
    try {
      if (condition && !condition.test(scope))
        return { kind: otherwise === 'withdraw' ? 'withdraw' : 'ignored', reason: condition.why(scope) };
      put(scope, scope.body);
      scope.at = '';
      for (const check of checks) check(scope);
    } catch (error) {
      const place = placeOf(scope);
      if (error instanceof Refusal)
        return {
          kind: 'rejected',
          reason: place === '' || error.message.startsWith(place) ? error.message : `${place}: ${error.message}`,
        };
      throw new CrossdockError('CROSSDOCK_MAPPING_FAULT', `the mapping ${name} failed at ${place || 'its checks'}`, {
        cause: error,
      });
    }
    const { body, open, createOnly, review } = scope;
    return { kind: 'document', body, open, createOnly, review };
  };
}

/** `/lines/2` and `/amount` -> `lines[2].amount` */
function placeOf(scope: Scope): string {
  return `${scope.pointer}${scope.at}`
    .slice(1)
    .replaceAll(/\/(\d+)(?=\/|$)/g, '[$1]')
    .replaceAll('/', '.');
}

function whenOf(tree: MappingNode, context: Context): Condition | undefined {
  const entry = entryOf(tree, 'when');
  const condition = entry && conditionOf(entry.value, context);
  for (const read of condition?.reads ?? []) context.lineage.reads.add(read);
  return condition;
}

function otherwiseOf(tree: MappingNode, hasWhen: boolean, context: Context): 'ignore' | 'withdraw' {
  const entry = entryOf(tree, 'otherwise');
  if (!entry) return 'ignore';
  const value = entry.value.kind === 'scalar' ? entry.value.text : '';
  if (value !== 'ignore' && value !== 'withdraw')
    context.findings.unknown(entry.value.at, 'otherwise is ignore or withdraw', value, ['ignore', 'withdraw']);
  else if (!hasWhen && !entryOf(tree, 'when'))
    context.findings.add(entry.keyAt, 'otherwise without when never happens', 'add when: { ... }');
  return value === 'withdraw' ? 'withdraw' : 'ignore';
}
