import { CrossdockError } from '#contracts';
import type { Json } from '../json/value.ts';
import { BrokenBytes, compileRead, Cursor } from './decode.ts';
import type { Read } from './decode.ts';
import type { AvroNode } from './definition.ts';
import { compileWrite } from './encode.ts';
import type { Write } from './encode.ts';
import { explain } from './explain.ts';
import { fromJson } from './from-json.ts';
import type { FromJson, FromJsonOptions } from './from-json.ts';
import type { AvroRecord } from './record.ts';
import { shapeOf } from './compile-shape.ts';
import type { RecordShape } from './shape.ts';
import { Misfit, Sink } from './sink.ts';
import { toJson } from './to-json.ts';

const sink = new Sink(); // encoding never waits, so one is enough for the process

/** One Avro record schema: its definition with all types written out, and the coding both ways. Immutable. */
export class AvroSchema {
  /** `canonical/order` */
  readonly name: string;
  readonly definition: AvroNode;
  readonly shape: RecordShape;
  readonly #write: Write;
  readonly #read: Read;

  constructor(name: string, definition: AvroNode) {
    this.name = name;
    this.definition = definition;
    this.shape = shapeOf(definition);
    this.#write = compileWrite(this.shape);
    this.#read = compileRead(this.shape);
  }

  /** Avro's binary body. Throws `CROSSDOCK_SCHEMA_ENCODE` with the path of what does not fit. */
  encode(record: object): Buffer {
    sink.reset();
    this.#encode(record);
    return sink.take();
  }

  /** Body in Confluent's frame, without the extra copy of `frame(id, encode(record))`. */
  encodeFramed(id: number, record: object): Buffer {
    sink.reset();
    sink.byte(0);
    sink.uint32(id);
    this.#encode(record);
    return sink.take();
  }

  /** A body that this very schema wrote. Throws `CROSSDOCK_SCHEMA_DECODE` on other bytes; see `avroReader` for older versions. */
  decode(body: Buffer): AvroRecord {
    const source = new Cursor(body);
    try {
      const record = this.#read(source) as AvroRecord;
      if (source.done) return record;
    } catch (error) {
      if (!(error instanceof BrokenBytes)) throw error;
      throw new CrossdockError('CROSSDOCK_SCHEMA_DECODE', `decoding ${this.name}: ${error.message}`, { cause: error });
    }
    throw new CrossdockError('CROSSDOCK_SCHEMA_DECODE', `decoding ${this.name}: bytes are left over`);
  }

  /** See `fromJson`. */
  fromJson(json: Json, options: FromJsonOptions): FromJson {
    return fromJson(this.shape, json, options);
  }

  /** See `toJson`: the inverse of `fromJson`. */
  toJson(record: AvroRecord): Json {
    return toJson(record);
  }

  #encode(record: object): void {
    try {
      this.#write(sink, record);
    } catch (error) {
      if (!(error instanceof Misfit)) throw error;
      const place = explain(this.shape, record);
      throw new CrossdockError(
        'CROSSDOCK_SCHEMA_ENCODE',
        `encoding ${this.name}: ${place ? `${place.path || 'the record'} is not ${place.expected}` : 'it does not fit'}`,
        { cause: error },
      );
    }
  }
}
