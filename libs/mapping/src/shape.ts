/**
 * What a value can be, on either side of a mapping. Avro and JSON Schema are both read into this, so that the check knows
 * one set of words. On the source side a field says whether it may be absent, on the target side whether it must be there.
 */
export type Shape =
  | { kind: 'text'; maxLength?: number; minLength?: number; pattern?: string; format?: string }
  | { kind: 'enum'; symbols: readonly string[] }
  | { kind: 'integer' }
  /** `scale`: at most this many fraction digits; `as`: how JSON writes it */
  | { kind: 'decimal'; scale?: number; as: 'string' | 'number' }
  | { kind: 'boolean' }
  | { kind: 'instant' }
  | { kind: 'date' }
  | { kind: 'list'; item: Shape; itemNullable?: boolean; minItems?: number }
  | { kind: 'map'; values: Shape }
  | RecordShape
  | { kind: 'any' };

export interface RecordShape {
  kind: 'record';
  fields: ReadonlyMap<string, Field>;
  /** takes fields it does not name */
  open: boolean;
}

export interface Field {
  shape: Shape;
  /** source: may be missing or null */
  optional: boolean;
  /** takes an explicit null */
  nullable: boolean;
  /** target: must be there */
  required: boolean;
  /** canonical entity whose id this is */
  entity?: string;
  doc?: string;
}

/** In words, for messages. */
export function describe(shape: Shape): string {
  switch (shape.kind) {
    case 'text':
      return shape.format === 'date' || shape.format === 'date-time'
        ? `text of format ${shape.format}`
        : shape.maxLength === undefined
          ? 'text'
          : `text of at most ${shape.maxLength} characters`;
    case 'enum':
      return `one of ${shape.symbols.slice(0, 8).join(', ')}${shape.symbols.length > 8 ? ', …' : ''}`;
    case 'integer':
      return 'a whole number';
    case 'decimal':
      return shape.scale === undefined ? 'a decimal' : `a decimal with at most ${shape.scale} fraction digits`;
    case 'boolean':
      return 'true or false';
    case 'instant':
      return 'an instant';
    case 'date':
      return 'a date';
    case 'list':
      return 'a list';
    case 'map':
      return 'a map';
    case 'record':
      return 'an object';
    case 'any':
      return 'any value';
  }
}

export const TEXT: Shape = { kind: 'text' };
export const DECIMAL: Shape = { kind: 'decimal', as: 'string' };
