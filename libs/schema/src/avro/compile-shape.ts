import { BrokenSchema } from '../broken-schema.ts';
import { defaultProblem } from './default-value.ts';
import { fullName, PRIMITIVES } from './definition.ts';
import type { AvroDefinition, AvroField, AvroNode } from './definition.ts';
import type { FieldShape, RecordShape, Shape } from './shape.ts';

/** Compiles a self-contained definition; throws `BrokenSchema` at the place of what we do not support. */
export function shapeOf(definition: AvroNode): RecordShape {
  const shape = compile(definition, { namespace: undefined, path: [], named: new Map() });
  if (shape.kind !== 'record') throw new BrokenSchema('the schema is not a record', []);
  return shape;
}

interface Context {
  namespace: string | undefined;
  /** in the definition's JSON */
  path: readonly (string | number)[];
  named: Map<string, Shape>;
}

function compile(node: AvroDefinition, context: Context): Shape {
  if (Array.isArray(node)) throw new BrokenSchema('a union may only be the type of a field', context.path);
  if (typeof node === 'string')
    return PRIMITIVES.has(node) ? primitive(node, { type: node }, context) : known(node, context);
  if (typeof node !== 'object' || node === null) throw new BrokenSchema('expected a type', context.path);
  if (typeof node.type !== 'string') return compile(node.type, { ...context, path: [...context.path, 'type'] });
  const inner = { ...context, namespace: node.namespace ?? context.namespace };
  switch (node.type) {
    case 'record':
      return record(node, inner);
    case 'enum': {
      const shape: Shape = { kind: 'enum', name: nameOf(node, inner), symbols: node.symbols ?? [] };
      inner.named.set(shape.name, shape);
      return shape;
    }
    case 'array':
      return { kind: 'list', items: compile(node.items ?? 'null', { ...inner, path: [...inner.path, 'items'] }) };
    case 'map':
      return { kind: 'map', values: compile(node.values ?? 'null', { ...inner, path: [...inner.path, 'values'] }) };
    default:
      return PRIMITIVES.has(node.type) ? primitive(node.type, node, inner) : known(node.type, inner);
  }
}

function record(node: AvroNode, context: Context): RecordShape {
  const name = nameOf(node, context);
  const shape: RecordShape = { kind: 'record', name, doc: node.doc ?? '', entity: node['x-entity'], fields: [] };
  context.named.set(name, shape); // before its fields: a record may contain itself
  for (const [index, field] of (node.fields ?? []).entries())
    shape.fields.push(compileField(field, { ...context, path: [...context.path, 'fields', index] }));
  return shape;
}

function compileField(field: AvroField, context: Context): FieldShape {
  const type = { ...context, path: [...context.path, 'type'] };
  const union = Array.isArray(field.type) ? field.type : undefined;
  if (union && (union.length !== 2 || union[0] !== 'null'))
    throw new BrokenSchema(`field ${field.name}: the only union is ["null", type], null first`, type.path);
  const made: FieldShape = {
    name: field.name,
    shape: union ? compile(union[1]!, { ...type, path: [...type.path, 1] }) : compile(field.type, type),
    optional: union !== undefined,
    hasDefault: field.default !== undefined,
    default: field.default,
    doc: field.doc ?? '',
    class: field['x-class'] ?? 'sensitive', // a user's schema without a class is masked, not shown
    entity: field['x-entity'],
    format: field['x-format'],
  };
  const problem = defaultProblem(made);
  if (problem) throw new BrokenSchema(`field ${field.name}: ${problem}`, [...context.path, 'default']);
  return made;
}

function primitive(type: string, node: AvroNode, context: Context): Shape {
  switch (type) {
    case 'bytes':
      if (node.logicalType !== 'decimal') return { kind: 'bytes' };
      return { kind: 'decimal', precision: node.precision ?? 38, scale: node.scale ?? 0 };
    case 'long':
      return { kind: node.logicalType === 'timestamp-millis' ? 'instant' : 'long' };
    case 'int':
      return { kind: node.logicalType === 'date' ? 'date' : 'int' };
    case 'string':
    case 'boolean':
    case 'double':
      return { kind: type };
    default:
      throw new BrokenSchema(`the type ${type} is not supported here`, context.path);
  }
}

function known(name: string, context: Context): Shape {
  const full = fullName(name, context.namespace);
  const shape = context.named.get(full);
  if (shape) return shape;
  throw new BrokenSchema(`unknown type ${full}`, context.path);
}

function nameOf(node: AvroNode, context: Context): string {
  if (!node.name) throw new BrokenSchema(`a type ${String(node.type)} needs a name`, context.path);
  return fullName(node.name, context.namespace);
}
