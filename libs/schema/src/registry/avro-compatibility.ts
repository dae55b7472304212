import avsc from 'avsc';
import { adapt } from '../avro/adapt.ts';
import type { ShapeProblem } from '../avro/adapt.ts';
import { shapeOf } from '../avro/compile-shape.ts';
import type { AvroNode } from '../avro/definition.ts';

/**
 * Why readers with `next` could not read what `previous` wrote; empty when they can. Two judges: avsc's resolver, which
 * is the Avro specification, and our own resolution, which also sees what avsc lets through (a decimal's scale, an
 * instant that becomes a plain long).
 */
export function avroProblems(next: AvroNode, previous: AvroNode): ShapeProblem[] {
  const reader = shapeOf(next);
  const { problems } = adapt(reader, shapeOf(previous));
  if (problems.length > 0) return problems;
  try {
    typeOf(next).createResolver(typeOf(previous));
    return [];
  } catch (error) {
    return [{ record: reader.name, message: error instanceof Error ? error.message : String(error) }];
  }
}

/** Throws when the definition is not Avro. Logical types are left to our own resolution. */
export function typeOf(definition: AvroNode): avsc.Type {
  return avsc.Type.forSchema(definition as unknown as avsc.Schema, { wrapUnions: 'always', logicalTypes: {} });
}
