import { defaultProblem } from './default-value.ts';
import { fullName, PRIMITIVES } from './definition.ts';
import type { AvroDefinition, AvroField, AvroNode } from './definition.ts';
import type { FieldShape, RecordShape, Shape } from './shape.ts';

/** Compiles a self-contained definition; throws an Error that names the place of what we do not support. */
export function shapeOf(definition: AvroNode): RecordShape {
  const shape = compile(definition, undefined, '', new Map());
  if (shape.kind !== 'record') throw new Error('the schema is not a record');
  return shape;
}

function compile(node: AvroDefinition, namespace: string | undefined, path: string, named: Map<string, Shape>): Shape {
  if (Array.isArray(node)) throw new Error(`${path}: only unions of null and one type, as the type of a field`);
  if (typeof node === 'string' && !PRIMITIVES.has(node)) {
    const known = named.get(fullName(node, namespace));
    if (!known) throw new Error(`${path}: unknown type ${fullName(node, namespace)}`);
    return known;
  }
  const full: AvroNode = typeof node === 'string' ? { type: node } : node;
  if (typeof full.type !== 'string') return compile(full.type, namespace, path, named);
  const inner = full.namespace ?? namespace;
  switch (full.type) {
    case 'record': {
      const name = fullName(full.name ?? '', inner);
      const shape: RecordShape = { kind: 'record', name, doc: full.doc ?? '', entity: full['x-entity'], fields: [] };
      named.set(name, shape);
      for (const field of full.fields ?? []) shape.fields.push(compileField(field, inner, path, named));
      return shape;
    }
    case 'enum': {
      const name = fullName(full.name ?? '', inner);
      const shape: Shape = { kind: 'enum', name, symbols: full.symbols ?? [] };
      named.set(name, shape);
      return shape;
    }
    case 'array':
      return { kind: 'list', items: compile(full.items ?? 'null', inner, `${path}[]`, named) };
    case 'map':
      return { kind: 'map', values: compile(full.values ?? 'null', inner, `${path}{}`, named) };
    case 'bytes':
      if (full.logicalType === 'decimal')
        return { kind: 'decimal', precision: full.precision ?? 38, scale: full.scale ?? 0 };
      return { kind: 'bytes' };
    case 'long':
      return { kind: full.logicalType === 'timestamp-millis' ? 'instant' : 'long' };
    case 'int':
      return { kind: full.logicalType === 'date' ? 'date' : 'int' };
    case 'string':
    case 'boolean':
    case 'double':
      return { kind: full.type };
    default:
      return compile(full.type, inner, path, failing(named, full.type));
  }
}

function compileField(
  field: AvroField,
  namespace: string | undefined,
  path: string,
  named: Map<string, Shape>,
): FieldShape {
  const here = path ? `${path}.${field.name}` : field.name;
  const union = Array.isArray(field.type) ? field.type : undefined;
  if (union && (union.length !== 2 || union[0] !== 'null'))
    throw new Error(`${here}: the only union is ["null", type], null first`);
  const made: FieldShape = {
    name: field.name,
    shape: compile(union ? union[1]! : field.type, namespace, here, named),
    optional: union !== undefined,
    hasDefault: field.default !== undefined,
    default: field.default,
    doc: field.doc ?? '',
    class: field['x-class'] ?? 'sensitive',
    entity: field['x-entity'],
    format: field['x-format'],
  };
  const problem = defaultProblem(made);
  if (problem) throw new Error(`${here}: ${problem}`);
  return made;
}

/** Types we have no form for in memory (`float`, `fixed`, `null` alone) fail here; names were resolved above. */
function failing(named: Map<string, Shape>, type: string): Map<string, Shape> {
  if (PRIMITIVES.has(type) || type === 'fixed' || type === 'error') throw new Error(`type ${type} is not supported`);
  return named;
}
