import { RESULT_ENTITY } from '#contracts';
import type { DocumentDeclaration, Finding, Flow, Position } from '#contracts';
import { suggest } from './findings.ts';
import type { CompiledMapping } from './mapping.ts';
import type { At } from './yaml.ts';

/** One flow as mappings are checked against it. */
export interface MappingFlow {
  /** the flow's name */
  flow: string;
  /** canonical entity */
  entity: string;
  /** target connection */
  connection: string;
  mapping: string;
  /** what the connection can do, by document type; without it, what needs it is not checked */
  documents?: ReadonlyMap<string, DocumentDeclaration>;
  /** where the flow names its mapping */
  position?: Position;
}

/** The flows of a configuration in the form the check takes; `documents` by connection where the connectors have said them. */
export function mappingFlows(
  flows: Iterable<Flow>,
  position: (flow: Flow) => Position,
  documents: (connection: string) => ReadonlyMap<string, DocumentDeclaration> | undefined = () => undefined,
): MappingFlow[] {
  return [...flows].map((flow) => ({
    flow: flow.name,
    entity: flow.entity,
    connection: flow.to,
    mapping: flow.mapping,
    documents: documents(flow.to),
    position: position(flow),
  }));
}

/** A flow whose mapping is there, with what its references mean. */
export interface BoundFlow {
  flow: string;
  entity: string;
  connection: string;
  mapping: CompiledMapping;
  /** document type */
  document: string;
  /** schema of the document's body */
  schema: string;
  /** document type per reference as the mapping writes it: `customer`, `customer.billingAccount` */
  references: Readonly<Record<string, string>>;
}

/** Binds flows to mappings; what does not fit becomes findings in the mapping's file, or at the flow. */
export function bindFlows(
  flows: readonly MappingFlow[],
  mappings: ReadonlyMap<string, CompiledMapping>,
  broken: ReadonlySet<string>,
  list: Finding[],
): Map<string, BoundFlow> {
  const bound = new Map<string, BoundFlow>();
  const taken = new Map<string, string>();
  for (const flow of flows) {
    const mapping = mappings.get(flow.mapping);
    const place = flow.position ?? { file: 'crossdock.yaml', line: 1, column: 1 };
    if (!mapping) {
      if (!broken.has(flow.mapping))
        list.push({
          ...place,
          message: `there is no mapping ${flow.mapping}`,
          suggestion: suggest(flow.mapping, mappings.keys()),
        });
      continue;
    }
    const say = (at: At, message: string, suggestion?: string): void => {
      list.push({
        file: mapping.file,
        line: at.line,
        column: at.column,
        message: `${message} (flow ${flow.flow})`,
        suggestion,
      });
    };
    if (mapping.document === undefined || mapping.entity === undefined) {
      list.push({ ...place, message: `the mapping ${mapping.name} makes ${mapping.to}, not a document for a target` });
      continue;
    }
    if (mapping.entity !== flow.entity) {
      list.push({
        ...place,
        message: `the mapping ${mapping.name} is from ${mapping.from}, but the flow is on ${flow.entity === RESULT_ENTITY ? 'sync.result' : `crm.${flow.entity}`}`,
      });
      continue;
    }
    checkDocument(flow, mapping, place, say, list);
    const what = `${flow.connection}\n${mapping.document}\n${flow.entity}`;
    const other = taken.get(what);
    if (other !== undefined)
      list.push({
        ...place,
        message: `the flows ${other} and ${flow.flow} both write ${mapping.document} of ${flow.entity} into ${flow.connection}`,
        suggestion: 'one of them must go',
      });
    else taken.set(what, flow.flow);
    const references: Record<string, string> = {};
    for (const { name, at } of mapping.lineage.references) {
      const document = referenced(name, flow, flows, mappings, (message, suggestion) => say(at, message, suggestion));
      if (document !== undefined) references[name] = document;
    }
    bound.set(flow.flow, { ...flow, mapping, document: mapping.document, schema: mapping.to, references });
  }
  return bound;
}

/** What the connector says of the document: it exists, its schema is the mapping's, `on: create` can be told from an update. */
function checkDocument(
  flow: MappingFlow,
  mapping: CompiledMapping,
  place: Position,
  say: (at: At, message: string, suggestion?: string) => void,
  list: Finding[],
): void {
  if (!flow.documents) return;
  const declared = flow.documents.get(mapping.document!);
  if (!declared) {
    const known = [...flow.documents.keys()];
    list.push({
      ...place,
      message: `${flow.connection} has no document ${mapping.document}`,
      suggestion: suggest(mapping.document!, known),
    });
    return;
  }
  if (declared.schema !== mapping.to)
    list.push({
      ...place,
      message: `${flow.connection} takes ${declared.schema} as ${mapping.document}, but the mapping ${mapping.name} makes ${mapping.to}`,
    });
  if (declared.operations.has('write'))
    for (const { target, at } of mapping.lineage.createOnly)
      say(
        at,
        `${target}: on: create has no effect, because ${flow.connection} writes ${mapping.document} by an upsert`,
        'leave on: create out',
      );
}

/** The one document of an entity that flows deliver to the connection. */
function referenced(
  name: string,
  flow: MappingFlow,
  flows: readonly MappingFlow[],
  mappings: ReadonlyMap<string, CompiledMapping>,
  say: (message: string, suggestion?: string) => void,
): string | undefined {
  const [entity, wanted] = name.split('.') as [string, string?];
  const there = flows.filter((one) => one.connection === flow.connection && one.entity === entity);
  const documents = [
    ...new Set(there.map((one) => mappings.get(one.mapping)?.document).filter((one) => one !== undefined)),
  ];
  if (documents.length === 0) {
    // its own mapping may be the broken one: then that is what is told
    if (there.length === 0)
      say(
        `reference: no flow delivers ${entity} to ${flow.connection}`,
        `add a flow on crm.${entity} to ${flow.connection}`,
      );
    return undefined;
  }
  if (wanted !== undefined) {
    if (documents.includes(wanted)) return wanted;
    say(`reference: ${flow.connection} gets no document ${wanted} of ${entity}`, suggest(wanted, documents));
    return undefined;
  }
  if (documents.length === 1) return documents[0];
  say(
    `reference: ${entity} is ${documents.join(' and ')} in ${flow.connection}`,
    `say reference: ${entity}.${documents[0]}`,
  );
  return undefined;
}
