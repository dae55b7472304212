import { ConfigurationError, type Configuration, type Finding } from '#contracts';
import { loadMappings, type Bundle } from '#mapping';
import type { Json, SchemaSet } from '#schema';
import type { Mapped } from './normalise.ts';
import type { Sources } from './sources.ts';

/** Mappings of sources' own shapes to canonical records, by connection and entity. */
export interface Mappings {
  /** undefined where a connection sends the entity as we know it */
  find(connection: string, entity: string): ((record: Json) => Mapped) | undefined;
}

/** Reads mappings only where a connection names one. Throws ConfigurationError for a name that gives no such record. */
export function openMappings(
  configuration: Configuration,
  sources: Sources,
  roots: readonly string[],
  schemas: SchemaSet,
): Mappings {
  const wanted = [...configuration.connections.values()].flatMap(({ name, zone }) =>
    [...sources.normalise(name)].map(([entity, mapping]) => ({ connection: name, zone, entity, mapping })),
  );
  if (wanted.length === 0) return { find: () => undefined };
  const bundle = loadMappings({ roots, schemas });
  const findings: Finding[] = wanted.flatMap(({ connection, entity, mapping }) => {
    const message = mistake(bundle, entity, mapping);
    const path = ['connections', connection, 'settings', 'normalise', entity];
    return message === undefined ? [] : [{ ...configuration.position(path), message: `${connection}: ${message}` }];
  });
  if (findings.length > 0) throw new ConfigurationError(findings);

  const found = new Map<string, (record: Json) => Mapped>();
  for (const { connection, zone, entity, mapping } of wanted)
    found.set(`${connection} ${entity}`, (record) => {
      const normalised = bundle.normalise(mapping, record, { zone, tenant: configuration.tenant });
      return normalised.ok ? { ok: true, record: normalised.json } : normalised;
    });
  return { find: (connection, entity) => found.get(`${connection} ${entity}`) };
}

function mistake(bundle: Bundle, entity: string, name: string): string | undefined {
  const mapping = bundle.mappings.get(name);
  if (mapping === undefined) return `there is no mapping ${name}`;
  return mapping.to === `canonical/${entity}` ? undefined : `${name} gives ${mapping.to}, not canonical/${entity}`;
}
