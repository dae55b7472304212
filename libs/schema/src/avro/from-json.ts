import { findBadText, memberPath } from '../json/bad-text.ts';
import { bareObject, isJsonObject, JsonNumber } from '../json/value.ts';
import type { Json, JsonObject } from '../json/value.ts';
import { businessDateOf, daysOfDate, instantOf } from './calendar.ts';
import { ISO_3166, ISO_4217 } from './codes.ts';
import { decimalFromText } from './decimal.ts';
import { defaultValue, emptyRecord } from './default-value.ts';
import { describe } from './explain.ts';
import type { AvroRecord, AvroValue } from './record.ts';
import type { FieldShape, RecordShape, Shape } from './shape.ts';

export interface FromJsonOptions {
  /** IANA zone for dates and times that have none */
  zone: string;
  /** put before `id` and before every field with `x-entity` */
  idPrefix: string;
}

export type FromJsonCode = 'CROSSDOCK_CAPTURE_SCHEMA' | 'CROSSDOCK_CAPTURE_DECIMAL' | 'CROSSDOCK_CAPTURE_TEXT';

export type FromJson =
  /** `unknown`: paths the schema does not have; they are left out */
  | { ok: true; record: AvroRecord; unknown: string[] }
  /** `path` as mappings write it (`lines[0].amount`), empty for the record itself; the message holds no value */
  | { ok: false; code: FromJsonCode; path: string; message: string };

/**
 * The JSON form of a canonical record (design: the canonical contract) to the record. Called by capture's normaliser,
 * once per event. Decimals come as strings or numbers and are taken by their text; what does not fit is refused by
 * name and never rounded. An explicit null is null and its path is in `cleared`; for lists and maps null is empty.
 */
export function fromJson(shape: RecordShape, json: Json, options: FromJsonOptions): FromJson {
  const bad = findBadText(json);
  if (bad !== undefined)
    return {
      ok: false,
      code: 'CROSSDOCK_CAPTURE_TEXT',
      path: bad,
      message: refusal(bad, 'holds NUL or half of a surrogate pair'),
    };
  const reading = new Reading(options);
  try {
    const record = reading.record(shape, json, '', true);
    if (Array.isArray(record['cleared']))
      record['cleared'] = [...new Set([...(record['cleared'] as string[]), ...reading.cleared])];
    return { ok: true, record, unknown: reading.unknown };
  } catch (error) {
    if (error instanceof Refusal) return { ok: false, code: error.code, path: error.path, message: error.message };
    throw error;
  }
}

class Refusal extends Error {
  readonly code: FromJsonCode;
  readonly path: string;

  constructor(path: string, what: string, code: FromJsonCode = 'CROSSDOCK_CAPTURE_SCHEMA') {
    super(refusal(path, what));
    this.code = code;
    this.path = path;
  }
}

function refusal(path: string, what: string): string {
  return `${path || 'the record'} ${what}`;
}

class Reading {
  readonly cleared: string[] = [];
  readonly unknown: string[] = [];
  readonly #options: FromJsonOptions;

  constructor(options: FromJsonOptions) {
    this.#options = options;
  }

  record(shape: RecordShape, json: Json, path: string, top = false): AvroRecord {
    if (!isJsonObject(json)) throw new Refusal(path, 'must be an object');
    const record: AvroRecord = { ...emptyRecord(shape) };
    let used = 0;
    for (const field of shape.fields) {
      const value = json[field.name];
      if (value !== undefined) used++;
      record[field.name] = this.#field(field, value, path ? `${path}.${field.name}` : field.name, top);
    }
    if (used < Object.keys(json).length) this.#note(shape, json, path);
    return record;
  }

  #note(shape: RecordShape, json: JsonObject, path: string): void {
    const known = new Set(shape.fields.map((field) => field.name));
    for (const name of Object.keys(json)) if (!known.has(name)) this.unknown.push(memberPath(path, name));
  }

  #field(field: FieldShape, json: Json | undefined, path: string, top: boolean): AvroValue {
    if (json === undefined || json === null) return this.#absent(field, json === null, path);
    const value = field.format || field.entity ? this.#text(field, json, path, top) : undefined;
    return value ?? this.#value(field.shape, json, path);
  }

  #absent(field: FieldShape, explicit: boolean, path: string): AvroValue {
    if (field.optional) {
      if (explicit) this.cleared.push(path);
      return null;
    }
    if (field.shape.kind === 'list') return [];
    if (field.shape.kind === 'map') return bareObject<AvroValue>();
    if (!field.hasDefault || explicit) throw new Refusal(path, explicit ? 'must not be null' : 'is missing');
    return defaultValue(field);
  }

  /** Ids, currencies and countries. */
  #text(field: FieldShape, json: Json, path: string, top: boolean): string {
    if (field.format === 'id' || field.entity) {
      const id = json instanceof JsonNumber && /^-?\d+$/.test(json.text) ? json.text : json;
      if (typeof id !== 'string' || id === '') throw new Refusal(path, 'must be an id: a text or a whole number');
      return field.entity || (top && field.name === 'id') ? this.#options.idPrefix + id : id;
    }
    if (typeof json !== 'string') throw new Refusal(path, 'must be a text');
    if (field.format === 'iso4217' && !ISO_4217.has(json))
      throw new Refusal(path, 'must be a currency code of ISO 4217, in capitals, and not XXX');
    if (field.format === 'iso3166' && !ISO_3166.has(json))
      throw new Refusal(path, 'must be a country code of ISO 3166-1 alpha-2, in capitals');
    return json;
  }

  #value(shape: Shape, json: Json, path: string): AvroValue {
    switch (shape.kind) {
      case 'record':
        return this.record(shape, json, path);
      case 'list':
        if (!Array.isArray(json)) throw new Refusal(path, 'must be a list');
        return json.map((item, index) => this.#item(shape.items, item, `${path}[${index}]`));
      case 'map':
        return this.#map(shape.values, json, path);
      case 'decimal':
        return this.#decimal(shape.precision, shape.scale, json, path);
      case 'instant':
        return this.#time(instantOf, 'an ISO 8601 date and time', json, path);
      case 'date':
        return this.#time(dateIn, 'a date, YYYY-MM-DD', json, path);
      case 'long':
        return this.#whole(json, 64, path);
      case 'int':
        return Number(this.#whole(json, 32, path));
      case 'enum':
        if (typeof json !== 'string' || !shape.symbols.includes(json)) break;
        return json;
      case 'string':
        if (typeof json !== 'string') throw new Refusal(path, 'must be a text');
        return json;
      case 'boolean':
        if (typeof json !== 'boolean') break;
        return json;
      case 'double':
        if (!(json instanceof JsonNumber)) break;
        return Number(json.text);
      case 'bytes':
        if (typeof json !== 'string') throw new Refusal(path, 'must be a text in base64');
        return Buffer.from(json, 'base64');
    }
    throw new Refusal(path, `must be ${describe(shape)}`);
  }

  #item(shape: Shape, json: Json, path: string): AvroValue {
    if (json === null) throw new Refusal(path, 'must not be null');
    return this.#value(shape, json, path);
  }

  /** Null in a map is an absent entry that somebody cleared. */
  #map(values: Shape, json: Json, path: string): AvroRecord {
    if (!isJsonObject(json)) throw new Refusal(path, 'must be an object');
    const map: AvroRecord = bareObject<AvroValue>();
    for (const [name, value] of Object.entries(json)) {
      const here = memberPath(path, name);
      if (value === null) this.cleared.push(here);
      else map[name] = values.kind === 'string' ? mapText(value, here) : this.#value(values, value, here);
    }
    return map;
  }

  #decimal(precision: number, scale: number, json: Json, path: string): AvroValue {
    const text = json instanceof JsonNumber ? json.text : json;
    if (typeof text !== 'string') throw new Refusal(path, 'must be a decimal: a text or a number');
    const value = decimalFromText(text, precision, scale);
    if (typeof value !== 'string') return value;
    if (value === 'not a decimal') throw new Refusal(path, 'must be a decimal like 1234.56');
    const what =
      value === 'too many digits'
        ? `is too large: more than ${precision - scale} digits before the point`
        : `has more than ${scale} fraction digits`;
    throw new Refusal(path, what, 'CROSSDOCK_CAPTURE_DECIMAL');
  }

  #time<T>(read: (text: string, zone: string) => T | undefined, what: string, json: Json, path: string): T {
    const value = typeof json === 'string' ? read(json, this.#options.zone) : undefined;
    if (value === undefined) throw new Refusal(path, `must be ${what}`);
    return value;
  }

  /** `5`, `"5"` and `5.0` are whole; so is 2^53+1, digit for digit. */
  #whole(json: Json, bits: 32 | 64, path: string): bigint {
    const text = json instanceof JsonNumber ? json.text : json;
    const value = typeof text === 'string' ? decimalFromText(text, 19, 0) : undefined;
    if (value === undefined || typeof value === 'string') throw new Refusal(path, `must be a ${bits}-bit integer`);
    const whole = BigInt(value.toFixed(0));
    if (BigInt.asIntN(bits, whole) !== whole) throw new Refusal(path, `must be a ${bits}-bit integer`);
    return whole;
  }
}

function dateIn(text: string, zone: string): string | undefined {
  const date = businessDateOf(text, zone);
  return date === undefined || daysOfDate(date) === undefined ? undefined : date;
}

/** A source's own field may be a number or a flag; its text is what counts. */
function mapText(json: Json, path: string): string {
  if (typeof json === 'string') return json;
  if (json instanceof JsonNumber) return json.text;
  if (typeof json === 'boolean') return String(json);
  throw new Refusal(path, 'must be a text, a number or a flag');
}
