import type { CompiledMapping, Sides } from './mapping.ts';
import { OPERATORS } from './operators/index.ts';
import type { Shape } from './shape.ts';
import { sidesOf } from './sides.ts';
import type { MappingSchemas } from './sides.ts';
import { TEXT_STEPS } from './text/index.ts';
import { VARIABLES } from './variable.ts';

type JsonSchema = Record<string, unknown>;

/** The schema of every operator's value, by name: what an editor completes below a field. */
export function operatorSchemas(): Record<string, object> {
  const schemas: Record<string, object> = {};
  for (const one of OPERATORS) schemas[one.name] = { description: `${one.signature}. ${one.doc}`, ...one.editor };
  return {
    ...schemas,
    else: { $ref: '#/$defs/value' },
    unmapped: { enum: ['reject', 'hold'] },
    separator: { type: 'string' },
    within: { type: 'string' },
    filter: { $ref: '#/$defs/condition' },
    group: { anyOf: [{ type: 'string' }, { type: 'array', items: { type: 'string' } }] },
  };
}

/**
 * A JSON Schema for one mapping file: completes paths of the source and fields of the target and underlines the rest
 * while somebody types. Looser than the check, which has the last word.
 */
export function editorSchema(
  mapping: Pick<CompiledMapping, 'name' | 'from' | 'to'>,
  schemas: MappingSchemas,
): JsonSchema {
  const sides: Sides = sidesOf(schemas, new Map());
  const source = sides.source(mapping.from);
  const target = sides.target(mapping.to);
  const steps = [...TEXT_STEPS.values()].map((step) =>
    step.option
      ? {
          type: 'object',
          properties: { [step.name]: step.option },
          required: [step.name],
          additionalProperties: false,
          description: step.doc,
        }
      : { const: step.name, description: step.doc },
  );
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: `mapping ${mapping.name}`,
    type: 'object',
    required: ['from', 'to', 'fields'],
    additionalProperties: false,
    properties: {
      from: { const: mapping.from },
      to: { const: mapping.to },
      doc: { type: 'string' },
      document: { type: 'string' },
      when: { $ref: '#/$defs/condition' },
      otherwise: { enum: ['ignore', 'withdraw'] },
      fields: target ? fieldsOf(target.shape, 0) : { type: 'object' },
      checks: { type: 'array', items: { type: 'object' } },
    },
    $defs: {
      path: {
        anyOf: [
          { enum: [...Object.keys(VARIABLES), ...(source ? pathsOf(source.shape, '', 0) : [])] },
          { type: 'string' },
        ],
      },
      condition: { type: 'object', minProperties: 1 },
      textStep: { anyOf: steps },
      value: { anyOf: [{ $ref: '#/$defs/path' }, { $ref: '#/$defs/operators' }] },
      operators: { type: 'object', properties: operatorSchemas(), additionalProperties: false },
    },
  };
}

function fieldsOf(shape: Shape, depth: number): JsonSchema {
  if (shape.kind !== 'record' || depth > 6) return { type: 'object' };
  const properties: JsonSchema = {};
  for (const [name, field] of shape.fields) {
    const inner = field.shape.kind === 'list' ? field.shape.item : field.shape;
    const value =
      inner.kind === 'record'
        ? {
            anyOf: [
              { $ref: '#/$defs/path' },
              {
                type: 'object',
                properties: { ...operatorSchemas(), fields: fieldsOf(inner, depth + 1) },
                additionalProperties: false,
              },
            ],
          }
        : { $ref: '#/$defs/value' };
    properties[name] = field.doc === undefined ? value : { description: field.doc, ...value };
  }
  return { type: 'object', properties, additionalProperties: shape.open };
}

/** Every path of a record; those of items as they are written inside `each`. */
function pathsOf(shape: Shape, path: string, depth: number): string[] {
  if (depth > 6) return [];
  if (shape.kind === 'record')
    return [...shape.fields].flatMap(([name, field]) => {
      const full = path === '' ? name : `${path}.${name}`;
      return [full, ...pathsOf(field.shape, full, depth + 1)];
    });
  if (shape.kind === 'list') return pathsOf(shape.item, '', depth + 1);
  return [];
}
