import type { Field, RecordShape, Shape } from './shape.ts';

/** Finds a named type that another file defines, by its full name, e.g. `crossdock.canonical.Money`. */
export type AvroLookup = (fullName: string) => unknown;

/** Lengths of the text formats of the canonical model. */
const FORMAT_LENGTH: Readonly<Record<string, number>> = { iso4217: 3, iso3166: 2 };

/** Reads the parsed JSON of an Avro record. Throws when it is no record: the schema library has checked it before. */
export function shapeOfAvro(definition: unknown, lookup: AvroLookup): RecordShape {
  const named = new Map<string, Shape>();
  const shape = read(definition, '', named, lookup, {});
  if (shape.kind !== 'record') throw new Error('an Avro schema of a mapping must be a record');
  return shape;
}

type Json = Record<string, unknown>;
const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function read(type: unknown, namespace: string, named: Map<string, Shape>, lookup: AvroLookup, field: Json): Shape {
  if (typeof type === 'string') return primitive(type, namespace, named, lookup, field);
  if (Array.isArray(type)) {
    const branches = type.filter((branch) => branch !== 'null');
    if (branches.length === 1) return read(branches[0], namespace, named, lookup, field);
    return { kind: 'any' };
  }
  if (!isObject(type)) return { kind: 'any' };
  if (type['logicalType'] === 'decimal') return { kind: 'decimal', scale: Number(type['scale'] ?? 0), as: 'string' };
  if (type['logicalType'] === 'timestamp-millis' || type['logicalType'] === 'timestamp-micros')
    return { kind: 'instant' };
  if (type['logicalType'] === 'date') return { kind: 'date' };
  const space = typeof type['namespace'] === 'string' ? type['namespace'] : namespace;
  switch (type['type']) {
    case 'record': {
      const fields = new Map<string, Field>();
      const record: RecordShape = { kind: 'record', fields, open: false };
      named.set(fullName(String(type['name']), space), record);
      const list = Array.isArray(type['fields']) ? (type['fields'] as Json[]) : [];
      for (const one of list) {
        const nullable = Array.isArray(one['type']) && one['type'].includes('null');
        fields.set(String(one['name']), {
          shape: read(one['type'], space, named, lookup, one),
          optional: nullable,
          nullable,
          required: !nullable && !('default' in one),
          entity: typeof one['x-entity'] === 'string' ? one['x-entity'] : undefined,
          doc: typeof one['doc'] === 'string' ? one['doc'] : undefined,
        });
      }
      return record;
    }
    case 'enum': {
      const shape: Shape = { kind: 'enum', symbols: (type['symbols'] as string[]) ?? [] };
      named.set(fullName(String(type['name']), space), shape);
      return shape;
    }
    case 'array':
      return { kind: 'list', item: read(type['items'], space, named, lookup, {}) };
    case 'map':
      return { kind: 'map', values: read(type['values'], space, named, lookup, {}) };
    default:
      return read(type['type'], space, named, lookup, field);
  }
}

function primitive(type: string, namespace: string, named: Map<string, Shape>, lookup: AvroLookup, field: Json): Shape {
  switch (type) {
    case 'string': {
      const format = typeof field['x-format'] === 'string' ? field['x-format'] : undefined;
      return { kind: 'text', format, maxLength: format === undefined ? undefined : FORMAT_LENGTH[format] };
    }
    case 'int':
    case 'long':
      return { kind: 'integer' };
    case 'float':
    case 'double':
      return { kind: 'decimal', as: 'number' };
    case 'boolean':
      return { kind: 'boolean' };
    case 'bytes':
    case 'null':
      return { kind: 'any' };
    default: {
      const full = fullName(type, namespace);
      const known = named.get(full);
      if (known) return known;
      const definition = lookup(full);
      if (definition === undefined) throw new Error(`unknown Avro type ${full}`);
      return read(definition, '', named, lookup, {});
    }
  }
}

function fullName(name: string, namespace: string): string {
  return name.includes('.') || namespace === '' ? name : `${namespace}.${name}`;
}
