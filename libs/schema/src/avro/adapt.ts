import { bareObject } from '../json/value.ts';
import { defaultValue } from './default-value.ts';
import type { AvroRecord, AvroValue } from './record.ts';
import type { RecordShape, Shape } from './shape.ts';

/** Why a reader cannot take what an older schema wrote. */
export interface ShapeProblem {
  /** full name of the reader's record it stands in */
  record: string;
  field?: string;
  message: string;
  /** only values that use what is missing cannot be taken: a symbol of an enum */
  someValues?: true;
}

/** This value uses a symbol that the reader's enum lacks. */
export class UnknownSymbol extends Error {}

export type Adapt = (value: AvroValue) => AvroValue;

/**
 * From records of an older schema to records of this one: missing fields take their default, dropped ones go, int
 * becomes long. What Avro's resolution allows and our forms in memory can express; the rest is a problem, and the
 * compatibility gate shows it before such a schema gets a version. A reader may also be the older one of the two, while a
 * new version is rolled out: `adapt` is there where some values fit, and throws `UnknownSymbol` at one that does not.
 */
export function adapt(reader: RecordShape, writer: RecordShape): { problems: ShapeProblem[]; adapt?: Adapt } {
  const problems: ShapeProblem[] = [];
  const made = compile(reader, writer, { record: reader.name, message: '' }, problems, new Map());
  return problems.every(({ someValues }) => someValues) ? { problems, adapt: made } : { problems };
}

function compile(
  reader: Shape,
  writer: Shape,
  place: ShapeProblem,
  problems: ShapeProblem[],
  known: Map<Shape, Adapt>,
): Adapt {
  const problem = (message: string): Adapt => {
    problems.push({ ...place, message });
    return same;
  };
  if (reader.kind === 'record' && writer.kind === 'record') return record(reader, writer, problems, known);
  if (reader.kind === 'list' && writer.kind === 'list') {
    const item = compile(reader.items, writer.items, place, problems, known);
    return (value) => (value as AvroValue[]).map(item);
  }
  if (reader.kind === 'map' && writer.kind === 'map') {
    const item = compile(reader.values, writer.values, place, problems, known);
    return (value) => {
      const map: AvroRecord = bareObject<AvroValue>();
      for (const [name, inner] of Object.entries(value as AvroRecord)) map[name] = item(inner);
      return map;
    };
  }
  if (reader.kind === 'enum' && writer.kind === 'enum') {
    const gone = writer.symbols.filter((symbol) => !reader.symbols.includes(symbol));
    if (gone.length === 0) return same;
    problems.push({ ...place, message: `symbol ${gone.join(', ')} was removed`, someValues: true });
    return (value) => {
      if (!gone.includes(value as string)) return value;
      throw new UnknownSymbol(`${place.field}: there is no symbol ${String(value)}`);
    };
  }
  if (reader.kind === 'decimal' && writer.kind === 'decimal') {
    if (reader.scale !== writer.scale) return problem(`the scale changed from ${writer.scale} to ${reader.scale}`);
    if (reader.precision < writer.precision) return problem('the precision was lowered');
    return same;
  }
  if (reader.kind === 'long' && writer.kind === 'int') return (value) => BigInt(value as number);
  if (reader.kind === writer.kind) return same;
  return problem(`the type changed from ${writer.kind} to ${reader.kind}`);
}

function record(reader: RecordShape, writer: RecordShape, problems: ShapeProblem[], known: Map<Shape, Adapt>): Adapt {
  const made = known.get(reader);
  if (made) return made;
  let act: Adapt = same;
  known.set(reader, (value) => act(value));
  if (reader.name !== writer.name)
    problems.push({ record: reader.name, message: `the name changed from ${writer.name}` });

  const before = new Map(writer.fields.map((field) => [field.name, field]));
  const steps = reader.fields.map((field): ((from: AvroRecord) => AvroValue) => {
    const old = before.get(field.name);
    const place = { record: reader.name, field: field.name, message: '' };
    if (!old) {
      if (!field.optional && !field.hasDefault) problems.push({ ...place, message: 'a new field needs a default' });
      return () => defaultValue(field);
    }
    if (old.optional && !field.optional) problems.push({ ...place, message: 'was optional and is required now' });
    const inner = compile(field.shape, old.shape, place, problems, known);
    return (from) => (from[field.name] === null ? null : inner(from[field.name]!));
  });
  act = (value) => {
    const made: AvroRecord = {};
    for (const [index, field] of reader.fields.entries()) made[field.name] = steps[index]!(value as AvroRecord);
    return made;
  };
  return act;
}

const same: Adapt = (value) => value;
