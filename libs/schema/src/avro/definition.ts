import { BrokenSchema } from '../broken-schema.ts';

/** An Avro schema as JSON, with our attributes: `x-class`, `x-entity`, `x-format`. */
export type AvroDefinition = string | AvroDefinition[] | AvroNode;

export interface AvroNode {
  type: AvroDefinition;
  name?: string;
  namespace?: string;
  doc?: string;
  logicalType?: string;
  precision?: number;
  scale?: number;
  symbols?: string[];
  items?: AvroDefinition;
  values?: AvroDefinition;
  fields?: AvroField[];
  'x-entity'?: string;
}

export interface AvroField {
  name: string;
  type: AvroDefinition;
  doc?: string;
  default?: unknown;
  'x-class'?: DataClass;
  /** the field holds the id of a record of this entity */
  'x-entity'?: string;
  'x-format'?: TextFormat;
}

/** Who may see a field: it decides masking in console, logs and exports. */
export const DATA_CLASSES = ['public', 'internal', 'personal', 'sensitive'] as const;
export type DataClass = (typeof DATA_CLASSES)[number];

/** What a text field holds: an id (integers are taken by their digits), a currency, a country. */
export const TEXT_FORMATS = ['id', 'iso4217', 'iso3166'] as const;
export type TextFormat = (typeof TEXT_FORMATS)[number];

export const PRIMITIVES: ReadonlySet<string> = new Set([
  'null',
  'boolean',
  'int',
  'long',
  'float',
  'double',
  'bytes',
  'string',
]);

/** The full name of a named type, or of a reference to one, within a namespace. */
export function fullName(name: string, namespace: string | undefined): string {
  return name.includes('.') || !namespace ? name : `${namespace}.${name}`;
}

/**
 * The same schema with every named type of other files written out where it is first used, as registries and readers
 * without our folder need it. `lookup` gives the definition of a full name; throws `BrokenSchema` when there is none.
 */
export function selfContained(definition: AvroNode, lookup: (name: string) => AvroNode | undefined): AvroNode {
  const seen = new Set<string>();
  const write = (node: AvroDefinition, namespace: string | undefined, path: (string | number)[]): AvroDefinition => {
    if (typeof node === 'string') {
      if (PRIMITIVES.has(node) || COMPLEX.has(node)) return node;
      const name = fullName(node, namespace);
      if (seen.has(name)) return name;
      const other = lookup(name);
      if (!other) throw new BrokenSchema(`unknown type ${name}`, path);
      return write(other, undefined, path);
    }
    if (Array.isArray(node)) return node.map((branch, index) => write(branch, namespace, [...path, index]));
    const copy: AvroNode = { ...node };
    const inner = node.namespace ?? namespace;
    if (node.name !== undefined) {
      const name = fullName(node.name, inner);
      if (seen.has(name)) throw new BrokenSchema(`type ${name} is defined twice`, path);
      seen.add(name);
    }
    if (node.fields)
      copy.fields = node.fields.map((field, index) => ({
        ...field,
        type: write(field.type, inner, [...path, 'fields', index, 'type']),
      }));
    if (node.items !== undefined) copy.items = write(node.items, inner, [...path, 'items']);
    if (node.values !== undefined) copy.values = write(node.values, inner, [...path, 'values']);
    copy.type = write(node.type, inner, [...path, 'type']);
    return copy;
  };
  return write(definition, undefined, []) as AvroNode;
}

const COMPLEX: ReadonlySet<string> = new Set(['record', 'enum', 'array', 'map', 'fixed', 'error']);
