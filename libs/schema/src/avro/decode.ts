import { bareObject } from '../json/value.ts';
import { scaled } from './decimal.ts';
import { dateOfDays } from './calendar.ts';
import { emptyRecord } from './default-value.ts';
import type { AvroRecord, AvroValue } from './record.ts';
import type { RecordShape, Shape } from './shape.ts';

/** Bytes that are not a value of the schema. */
export class BrokenBytes extends Error {}

const LONGEST_ASCII_LOOP = 16; // beyond that the way into Node pays off
const FIRST_DAY = -719_528; // 0000-01-01
const LAST_DAY = 2_932_896; // 9999-12-31

export type Read = (source: Cursor) => AvroValue;

/** Reads Avro's binary encoding from one buffer; every step checks that the bytes are there. */
export class Cursor {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get done(): boolean {
    return this.#at === this.#bytes.length;
  }

  get left(): number {
    return this.#bytes.length - this.#at;
  }

  byte(): number {
    if (this.#at >= this.#bytes.length) throw new BrokenBytes('the bytes end too early');
    return this.#bytes[this.#at++]!;
  }

  /** A whole number that must be safe: lengths, ints, dates, instants. */
  int(): number {
    const short = this.#short();
    if (short !== undefined) return short;
    const long = Number(this.#long());
    if (!Number.isSafeInteger(long)) throw new BrokenBytes('a number is out of range');
    return long;
  }

  long(): bigint {
    const short = this.#short();
    return short === undefined ? this.#long() : BigInt(short);
  }

  /** Zigzag numbers of up to seven bytes are safe in a double; undefined, and nothing read, for longer ones. */
  #short(): number | undefined {
    const start = this.#at;
    let value = 0;
    let factor = 1;
    for (let count = 0; count < 7; count++) {
      const byte = this.byte();
      value += (byte & 127) * factor;
      if (byte < 128) return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
      factor *= 128;
    }
    this.#at = start;
    return undefined;
  }

  #long(): bigint {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.byte();
      value |= BigInt(byte & 127) << shift;
      if (byte < 128) {
        if (value >= 1n << 64n) throw new BrokenBytes('a number is out of range');
        return (value >> 1n) ^ -(value & 1n);
      }
    }
    throw new BrokenBytes('a number has no end');
  }

  /** A length that the rest of the buffer can hold. */
  length(): number {
    const length = this.int();
    if (length < 0 || length > this.left) throw new BrokenBytes('a length is longer than the bytes');
    return length;
  }

  text(): string {
    const length = this.length();
    const start = this.#at;
    this.#at += length;
    if (length > LONGEST_ASCII_LOOP) return this.#bytes.toString('utf8', start, this.#at);
    let text = '';
    for (let index = start; index < this.#at; index++) {
      const byte = this.#bytes[index]!;
      if (byte > 127) return this.#bytes.toString('utf8', start, this.#at);
      text += String.fromCharCode(byte);
    }
    return text;
  }

  bytes(): Buffer {
    const length = this.length();
    return this.#bytes.subarray(this.#at, (this.#at += length));
  }

  double(): number {
    if (this.left < 8) throw new BrokenBytes('the bytes end too early');
    this.#at += 8;
    return this.#bytes.readDoubleLE(this.#at - 8);
  }
}

/** The inverse of `compileWrite`: closures, compiled once per schema. */
export function compileRead(shape: Shape, known = new Map<Shape, Read>()): Read {
  const made = known.get(shape);
  if (made) return made;
  if (shape.kind !== 'record') return simple(shape, known);
  let read: Read = () => null;
  known.set(shape, (source) => read(source));
  read = compileRecord(shape, known);
  known.set(shape, read);
  return read;
}

function compileRecord(shape: RecordShape, known: Map<Shape, Read>): Read {
  const names = shape.fields.map((field) => field.name);
  const reads = shape.fields.map((field): Read => {
    const read = compileRead(field.shape, known);
    if (!field.optional) return read;
    return (source) => {
      const branch = source.int();
      if (branch === 0) return null;
      if (branch !== 1) throw new BrokenBytes('an unknown branch of a union');
      return read(source);
    };
  });
  const count = names.length;
  const empty = emptyRecord(shape);
  return (source) => {
    const record: AvroRecord = { ...empty };
    for (let index = 0; index < count; index++) record[names[index]!] = reads[index]!(source);
    return record;
  };
}

function simple(shape: Exclude<Shape, RecordShape>, known: Map<Shape, Read>): Read {
  switch (shape.kind) {
    case 'string':
      return (source) => source.text();
    case 'decimal':
      return (source) => scaled(integerOf(source.bytes()), shape.scale);
    case 'enum':
      return (source) => {
        const symbol = shape.symbols[source.int()];
        if (symbol === undefined) throw new BrokenBytes('an unknown symbol of an enum');
        return symbol;
      };
    case 'long':
      return (source) => source.long();
    case 'int':
      return (source) => source.int();
    case 'instant':
      return (source) => {
        const instant = new Date(source.int());
        if (Number.isNaN(instant.getTime())) throw new BrokenBytes('an instant is out of range');
        return instant;
      };
    case 'date':
      return (source) => {
        const days = source.int();
        if (days < FIRST_DAY || days > LAST_DAY) throw new BrokenBytes('a date is out of range');
        return dateOfDays(days);
      };
    case 'boolean':
      return (source) => source.byte() === 1;
    case 'double':
      return (source) => source.double();
    case 'bytes':
      return (source) => Buffer.from(source.bytes());
    case 'list': {
      const item = compileRead(shape.items, known);
      return (source) => {
        const list: AvroValue[] = [];
        for (let count = block(source); count > 0; count = block(source))
          for (let index = 0; index < count; index++) list.push(item(source));
        return list;
      };
    }
    case 'map': {
      const item = compileRead(shape.values, known);
      return (source) => {
        const map: AvroRecord = bareObject<AvroValue>();
        for (let count = block(source); count > 0; count = block(source))
          for (let index = 0; index < count; index++) {
            const key = source.text();
            map[key] = item(source);
          }
        return map;
      };
    }
  }
}

/** Items of the next block; a negative count is followed by the block's size in bytes. Each item takes a byte at least. */
function block(source: Cursor): number {
  let count = source.int();
  if (count < 0) {
    count = -count;
    source.int();
  }
  if (count > source.left) throw new BrokenBytes('a list is longer than the bytes');
  return count;
}

function integerOf(bytes: Buffer): number | bigint {
  const length = bytes.length;
  if (length > 6) return BigInt.asIntN(length * 8, BigInt(`0x${bytes.toString('hex')}`));
  if (length === 0) return 0;
  let value = (bytes[0]! << 24) >> 24; // the sign is in the first byte
  for (let index = 1; index < length; index++) value = value * 256 + bytes[index]!;
  return value;
}
