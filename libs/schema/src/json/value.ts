import { CrossdockError } from '#contracts';

/**
 * JSON without loss: a number is the text the sender wrote, an object has no prototype. This is the form in which
 * records come in and documents go out; ordinary JavaScript numbers never hold an amount.
 */
export type Json = null | boolean | string | JsonNumber | Json[] | JsonObject;
export interface JsonObject {
  [name: string]: Json;
}

const NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;

/** A JSON number by its digits: `1.10`, `9007199254740993` and `1e400` stay what they are. */
export class JsonNumber {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }

  /** From text that is not known to be a JSON number; throws `CROSSDOCK_JSON_SYNTAX` when it is not one. */
  static of(text: string): JsonNumber {
    if (!NUMBER.test(text)) throw new CrossdockError('CROSSDOCK_JSON_SYNTAX', 'not a JSON number');
    return new JsonNumber(text);
  }

  toString(): string {
    return this.text;
  }

  /** `JSON.stringify` would round without a word; `writeExactJson` is the way out. */
  toJSON(): never {
    throw new CrossdockError('CROSSDOCK_JSON_WRITER', 'an exact number must be written by writeExactJson');
  }
}

export type JsonProblem = 'SYNTAX' | 'TRAILING' | 'DUPLICATE_KEY' | 'PROTO_KEY' | 'DEPTH' | 'UTF8';

/** Why text is not JSON we take, and where: `offset` from 0 (bytes for `UTF8`, UTF-16 units else), line and column from 1. */
export class JsonError extends CrossdockError {
  readonly problem: JsonProblem;
  readonly offset: number;
  readonly line: number;
  readonly column: number;

  constructor(problem: JsonProblem, what: string, offset: number, line: number, column: number) {
    super(`CROSSDOCK_JSON_${problem}`, `${what} at line ${line}, column ${column}`);
    this.name = 'JsonError';
    this.problem = problem;
    this.offset = offset;
    this.line = line;
    this.column = column;
  }
}

/** True for objects, false for lists, numbers and everything else. */
export function isJsonObject(json: Json | undefined): json is JsonObject {
  return typeof json === 'object' && json !== null && !Array.isArray(json) && !(json instanceof JsonNumber);
}

/**
 * Objects that inherit nothing. `Object.create(null)` would do the same but lives in V8's slow dictionary mode: reading
 * an order made of such objects took three times as long.
 */
const Bare = function () {} as unknown as new () => object;
Object.defineProperty(Bare, 'prototype', { value: Object.freeze(Object.create(null)), writable: false });

/** An object that inherits nothing, so that no key of a sender can reach a prototype. */
export function jsonObject(entries: Iterable<readonly [string, Json]> = []): JsonObject {
  const made = bareObject();
  for (const [name, value] of entries) made[name] = value;
  return made;
}

/** The same, empty, for hot paths. */
export function bareObject<Value = Json>(): { [name: string]: Value } {
  return new Bare() as { [name: string]: Value };
}
