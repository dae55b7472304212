import type { SchemaRegistry, SchemaSet } from '#schema';
import { isCrmEntity, type Canonical } from './normalise.ts';
import type { Mappings } from './mappings.ts';

/** Knows for each connection and entity how its records become canonical. Asks the registry once per schema. */
export class Vocabulary {
  readonly #schemas: SchemaSet;
  readonly #registry: SchemaRegistry;
  readonly #mappings: Mappings;
  readonly #ids = new Map<string, Promise<number>>();

  constructor(schemas: SchemaSet, registry: SchemaRegistry, mappings: Mappings) {
    this.#schemas = schemas;
    this.#registry = registry;
    this.#mappings = mappings;
  }

  /** Undefined for an entity we do not know. Throws a retryable error while the registry cannot be reached. */
  async canonical(connection: string, entity: string): Promise<Canonical | undefined> {
    const schema = isCrmEntity(entity) ? this.#schemas.canonical(entity) : undefined;
    if (schema === undefined) return undefined;
    return { schema, schemaId: await this.#idOf(schema.name), map: this.#mappings.find(connection, entity) };
  }

  #idOf(name: string): Promise<number> {
    const known = this.#ids.get(name);
    if (known !== undefined) return known;
    const asked = this.#registry.idOf(name);
    this.#ids.set(name, asked);
    asked.catch(() => this.#ids.delete(name)); // a registry that is away is asked again
    return asked;
  }
}
