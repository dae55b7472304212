import type { AvroSchema } from './avro/avro-schema.ts';
import type { LockedVersion } from './registry/lock.ts';
import type { TargetSchema } from './target/target-schema.ts';

/** A schema in force, as registries see it. */
export interface NamedSchema {
  name: string;
  kind: 'AVRO' | 'JSON';
  definition: unknown;
  hash: string;
}

/** Every schema of all roots, checked and compiled. Immutable; made by `loadSchemas` once at start. */
export class SchemaSet {
  readonly #avro: ReadonlyMap<string, AvroSchema>;
  readonly #targets: ReadonlyMap<string, TargetSchema>;
  readonly #sources: ReadonlyMap<string, TargetSchema>;
  /** what goes on topics: Avro schemas and target schemas, not the sources' */
  readonly published: ReadonlyMap<string, NamedSchema>;
  /** every locked version of all roots, by id */
  readonly locked: ReadonlyMap<number, LockedVersion>;
  /** absolute path of each schema's file, by name */
  readonly files: ReadonlyMap<string, string>;

  constructor(parts: {
    avro: ReadonlyMap<string, AvroSchema>;
    targets: ReadonlyMap<string, TargetSchema>;
    sources: ReadonlyMap<string, TargetSchema>;
    published: ReadonlyMap<string, NamedSchema>;
    locked: ReadonlyMap<number, LockedVersion>;
    files: ReadonlyMap<string, string>;
  }) {
    this.#avro = parts.avro;
    this.#targets = parts.targets;
    this.#sources = parts.sources;
    this.published = parts.published;
    this.locked = parts.locked;
    this.files = parts.files;
  }

  /** By entity: `canonical('order')`. */
  canonical(entity: string): AvroSchema | undefined {
    return this.#avro.get(`canonical/${entity}`);
  }

  /** By full name: `avro('envelope/sync-result')`. */
  avro(name: string): AvroSchema | undefined {
    return this.#avro.get(name);
  }

  /** `target('erp/sales-order')` is `targets/erp/sales-order.json`. */
  target(name: string): TargetSchema | undefined {
    return this.#targets.get(name);
  }

  /** `source('acme/deal')` is `sources/acme/deal.json`: the shape a CRM sends. */
  source(name: string): TargetSchema | undefined {
    return this.#sources.get(name);
  }

  /** Sorted; sources as `sources/...`. */
  names(): string[] {
    return [
      ...this.#avro.keys(),
      ...this.#targets.keys(),
      ...[...this.#sources.keys()].map((name) => `sources/${name}`),
    ].sort();
  }
}
