import type { DataClass, TextFormat } from './definition.ts';

/**
 * A schema as our code walks it: names resolved, logical types told apart, "null or X" a property of the field. Coding,
 * normalising and the mapping checker all read this form; a record type that contains itself is a cycle of objects.
 */
export type Shape =
  | RecordShape
  | { kind: 'enum'; name: string; symbols: readonly string[] }
  | { kind: 'list'; items: Shape }
  | { kind: 'map'; values: Shape }
  | { kind: 'decimal'; precision: number; scale: number }
  | { kind: 'string' | 'long' | 'int' | 'boolean' | 'double' | 'bytes' | 'instant' | 'date' };

export interface RecordShape {
  kind: 'record';
  /** full name, e.g. `crossdock.canonical.Order` */
  name: string;
  doc: string;
  /** canonical entity of a top-level record */
  entity?: string;
  fields: FieldShape[];
}

export interface FieldShape {
  name: string;
  shape: Shape;
  /** `["null", X]`: absent is null */
  optional: boolean;
  /** may be left out on the wire: optional fields, and fields with a default */
  hasDefault: boolean;
  default: unknown;
  doc: string;
  class: DataClass;
  entity?: string;
  format?: TextFormat;
}
