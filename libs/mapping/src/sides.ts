import type { FromJson, FromJsonOptions, Json } from '#schema';
import { FUNCTIONS } from './functions/index.ts';
import type { Sides } from './mapping.ts';
import { shapeOfAvro } from './shape-avro.ts';
import { shapeOfJsonSchema } from './shape-json-schema.ts';
import type { Table } from './table.ts';

/** What mappings need of the schemas: `SchemaSet` of the schema library fits, and so does a test's own object. */
export interface MappingSchemas {
  avro(name: string): { definition: unknown; fromJson(json: Json, options: FromJsonOptions): FromJson } | undefined;
  target(name: string): { definition: unknown; validate(json: Json): { path: string; message: string }[] } | undefined;
  source(name: string): { definition: unknown } | undefined;
  names(): readonly string[];
}

const SOURCES = 'sources/';
const CANONICAL = 'canonical/';

/** Reads shapes once per schema. `from` and `to` are names as files lie: `canonical/order`, `erp/sales-order`, `sources/acme/deal`. */
export function sidesOf(schemas: MappingSchemas, tables: ReadonlyMap<string, Table>): Sides {
  const names = schemas.names();
  const avro = (name: string) => {
    const found = schemas.avro(name);
    return found && shapeOfAvro(found.definition, (full) => schemas.avro(avroName(full))?.definition);
  };
  const entities = names
    .filter((name) => name.startsWith(CANONICAL) && isEntity(schemas.avro(name)?.definition))
    .map((name) => name.slice(CANONICAL.length));
  return {
    source: (name) => {
      if (name.startsWith(SOURCES)) {
        const found = schemas.source(name.slice(SOURCES.length));
        return found && { shape: shapeOfJsonSchema(found.definition), json: true };
      }
      const shape = avro(name);
      return shape && { shape, json: false };
    },
    target: (name) => {
      const shape = avro(name);
      if (shape) return { shape, canonical: true };
      const found = schemas.target(name);
      return found && { shape: shapeOfJsonSchema(found.definition), canonical: false };
    },
    sourceNames: names.filter(
      (name) => name.startsWith(CANONICAL) || name.startsWith(SOURCES) || name.startsWith('envelope/'),
    ),
    targetNames: names.filter((name) => !name.startsWith(SOURCES)),
    entities: new Set(entities),
    tables,
    functions: FUNCTIONS,
  };
}

function isEntity(definition: unknown): boolean {
  return typeof definition === 'object' && definition !== null && 'x-entity' in definition;
}

/** `crossdock.canonical.OrderLine` -> `canonical/order-line` */
function avroName(full: string): string {
  const parts = full.split('.');
  const kebab = parts.pop()!.replace(/[A-Z]/g, (letter, at: number) => (at > 0 ? '-' : '') + letter.toLowerCase());
  return `${parts.pop() ?? 'canonical'}/${kebab}`;
}
