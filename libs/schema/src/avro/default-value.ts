import { bareObject } from '../json/value.ts';
import type { AvroRecord, AvroValue } from './record.ts';
import type { FieldShape, RecordShape } from './shape.ts';

/** What a field is when nobody said anything: null, an empty list or map, or the scalar its schema names. */
export function defaultValue(field: FieldShape): AvroValue {
  const given = field.default;
  if (field.optional || given === undefined) return null;
  switch (field.shape.kind) {
    case 'list':
      return [];
    case 'map':
      return bareObject<AvroValue>();
    case 'long':
      return BigInt(given as number);
    default:
      return given as AvroValue;
  }
}

/**
 * Every field, null. Spreading it gives a record its final layout from the start: filling an empty object field by field
 * took twice the time.
 */
export function emptyRecord(shape: RecordShape): AvroRecord {
  let empty = empties.get(shape);
  if (!empty) {
    empty = Object.fromEntries(shape.fields.map(({ name }) => [name, null]));
    empties.set(shape, empty);
  }
  return empty;
}

const empties = new WeakMap<RecordShape, AvroRecord>();

/** Why a default cannot be used, if so: only null, empty lists and maps, and scalars with a plain JSON form. */
export function defaultProblem(field: FieldShape): string | undefined {
  const given = field.default;
  if (given === undefined) return undefined;
  if (field.optional) return given === null ? undefined : 'the default of an optional field is null';
  switch (field.shape.kind) {
    case 'list':
      return Array.isArray(given) && given.length === 0 ? undefined : 'the default of a list is []';
    case 'map':
      return typeof given === 'object' && given !== null && Object.keys(given).length === 0
        ? undefined
        : 'the default of a map is {}';
    case 'string':
      return typeof given === 'string' ? undefined : 'the default is not a text';
    case 'enum':
      return field.shape.symbols.includes(given as string) ? undefined : 'the default is not one of the symbols';
    case 'boolean':
      return typeof given === 'boolean' ? undefined : 'the default is not true or false';
    case 'int':
    case 'long':
      return Number.isSafeInteger(given) ? undefined : 'the default is not a whole number';
    case 'double':
      return typeof given === 'number' ? undefined : 'the default is not a number';
    default:
      return `a field of type ${field.shape.kind} takes no default; make it optional`;
  }
}
