import { Decimal } from '#contracts';
import { daysOfDate } from './calendar.ts';
import { unscaled } from './decimal.ts';
import { defaultValue } from './default-value.ts';
import type { RecordShape, Shape } from './shape.ts';
import { Misfit } from './sink.ts';
import type { Sink } from './sink.ts';

/** Writes one value. Throws `Misfit` when the value is not of the type; the caller then looks for the place. */
export type Write = (sink: Sink, value: unknown) => void;

/**
 * Avro's binary encoding, compiled to closures once per schema. Our own because avsc's generated code asks each union
 * and each logical type again per value, and needs code generation at run time; the tests hold both against each other
 * byte by byte.
 */
export function compileWrite(shape: Shape, known = new Map<Shape, Write>()): Write {
  const made = known.get(shape);
  if (made) return made;
  if (shape.kind !== 'record') return simple(shape, known);
  let write: Write = () => undefined;
  known.set(shape, (sink, value) => write(sink, value));
  write = compileRecord(shape, known);
  known.set(shape, write);
  return write;
}

/** The loop tells null from present itself: most fields of most records are optional and absent. */
function compileRecord(shape: RecordShape, known: Map<Shape, Write>): Write {
  const names = shape.fields.map((field) => field.name);
  const writes = shape.fields.map((field) => compileWrite(field.shape, known));
  const optional = shape.fields.map((field) => field.optional);
  const text = shape.fields.map((field) => field.shape.kind === 'string'); // half of all fields: no call for them
  const absent = shape.fields.map((field) => (field.hasDefault ? defaultValue(field) : undefined));
  const count = names.length;
  return (sink, value) => {
    if (typeof value !== 'object' || value === null) throw new Misfit();
    const record = value as Record<string, unknown>;
    for (let index = 0; index < count; index++) {
      let item = record[names[index]!];
      if (optional[index]) {
        if (item === null || item === undefined) {
          sink.byte(0);
          continue;
        }
        sink.byte(2);
      } else if (item === undefined) item = absent[index];
      if (text[index] && typeof item === 'string') sink.text(item);
      else writes[index]!(sink, item);
    }
  };
}

function simple(shape: Exclude<Shape, RecordShape>, known: Map<Shape, Write>): Write {
  switch (shape.kind) {
    case 'string':
      return (sink, value) => {
        if (typeof value !== 'string') throw new Misfit();
        sink.text(value);
      };
    case 'decimal': {
      const limit = 10n ** BigInt(shape.precision);
      return (sink, value) => {
        if (!(value instanceof Decimal) && !Decimal.isDecimal(value)) throw new Misfit(); // of another copy of decimal.js
        const whole = unscaled(value as Decimal, shape.scale);
        if (whole === undefined) throw new Misfit();
        if (typeof whole === 'bigint' && (whole >= limit || whole <= -limit)) throw new Misfit();
        sink.unscaled(whole);
      };
    }
    case 'enum': {
      const places = new Map<unknown, number>(shape.symbols.map((symbol, index) => [symbol, index]));
      return (sink, value) => {
        const place = places.get(value);
        if (place === undefined) throw new Misfit();
        sink.int(place);
      };
    }
    case 'long':
      return (sink, value) => {
        if (typeof value !== 'bigint' || BigInt.asIntN(64, value) !== value) throw new Misfit();
        if (value < 2n ** 51n && value > -(2n ** 51n)) sink.int(Number(value));
        else sink.long(value);
      };
    case 'int':
      return (sink, value) => {
        if (typeof value !== 'number' || (value | 0) !== value) throw new Misfit();
        sink.int(value);
      };
    case 'instant':
      return (sink, value) => {
        const millis = value instanceof Date ? value.getTime() : Number.NaN;
        if (Number.isNaN(millis)) throw new Misfit();
        sink.int(millis);
      };
    case 'date':
      return (sink, value) => {
        const days = typeof value === 'string' ? daysOfDate(value) : undefined;
        if (days === undefined) throw new Misfit();
        sink.int(days);
      };
    case 'boolean':
      return (sink, value) => {
        if (typeof value !== 'boolean') throw new Misfit();
        sink.byte(value ? 1 : 0);
      };
    case 'double':
      return (sink, value) => {
        if (typeof value !== 'number') throw new Misfit();
        sink.double(value);
      };
    case 'bytes':
      return (sink, value) => {
        if (!(value instanceof Uint8Array)) throw new Misfit();
        sink.bytes(value);
      };
    case 'list': {
      const item = compileWrite(shape.items, known);
      return (sink, value) => {
        if (!Array.isArray(value)) throw new Misfit();
        if (value.length > 0) {
          sink.int(value.length);
          for (let index = 0; index < value.length; index++) item(sink, value[index]);
        }
        sink.byte(0);
      };
    }
    case 'map': {
      const item = compileWrite(shape.values, known);
      return (sink, value) => {
        if (typeof value !== 'object' || value === null) throw new Misfit();
        const map = value as Record<string, unknown>;
        const keys = Object.keys(map);
        if (keys.length > 0) {
          sink.int(keys.length);
          for (const key of keys) {
            sink.text(key);
            item(sink, map[key]);
          }
        }
        sink.byte(0);
      };
    }
  }
}
