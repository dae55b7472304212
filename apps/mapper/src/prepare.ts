import { documentTopic, type Configuration } from '#contracts';
import { loadMappings, mappingFlows, type Bundle } from '#mapping';
import { logger } from '#platform';
import { confluentRegistry, fileRegistry, type SchemaRegistry, type SchemaSet } from '#schema';
import { mapperFlows, type MapperTable } from './map-event.ts';
import { schemaIds } from './schema-ids.ts';

const log = logger('mapper');

/** What the mapper maps with. */
export interface Prepared {
  bundle: Bundle;
  registry: SchemaRegistry;
  /** takes as long as a schema registry is away */
  table: Promise<MapperTable>;
  /** true: that may take long, because the registry is away */
  away: boolean;
  /** ends the waiting */
  stop(): void;
}

/**
 * Asks the registry for the ids of the documents' schemas. Resolves when it has answered or is away: what starts with the
 * mapper in one process does not wait for it. Throws what waiting cannot help.
 */
export async function prepare(
  schemas: SchemaSet,
  roots: readonly string[],
  configuration: Configuration,
  schemaRegistryUrl: string | undefined,
): Promise<Prepared> {
  const bundle = bundleOf(configuration, roots, schemas);
  const bound = [...bundle.flows.values()];
  const topics = new Map(
    bound.map(({ schema, connection, document }) => [documentTopic(schema, connection, document), schema]),
  );
  const registry = schemaRegistryUrl
    ? confluentRegistry(schemaRegistryUrl, schemas, { topics })
    : fileRegistry(schemas);
  const stopping = new AbortController();
  let away: () => void = () => {};
  const isAway = new Promise<true>((resolve) => (away = () => resolve(true)));
  const ids = schemaIds(
    bound.map(({ schema }) => schema),
    registry,
    {
      signal: stopping.signal,
      onWait: (err) => {
        log.warn({ err }, 'waiting for the schema registry before anything is mapped');
        away();
      },
      onRefusal: (err) =>
        log.error({ err }, 'the schema registry refuses a schema: nothing is mapped until it takes it'),
    },
  );
  const table = ids.then((known) => ({
    bundle,
    flows: mapperFlows(configuration.flows.values(), bundle, (schema) => known.get(schema)!),
    zone: (connection: string) => configuration.connections.get(connection)?.zone ?? 'UTC',
  }));
  const waits = await Promise.race([table.then(() => false), isAway]);
  table.catch(() => {}); // ended by a stop while it waited
  return { bundle, table, away: waits, registry, stop: () => stopping.abort() };
}

/** Throws a ConfigurationError with every mistake of every mapping. */
function bundleOf(configuration: Configuration, roots: readonly string[], schemas: SchemaSet): Bundle {
  const position = ({ name }: { name: string }) => configuration.position(['flows', name, 'mapping']);
  return loadMappings({ roots, schemas, flows: mappingFlows(configuration.flows.values(), position) });
}
