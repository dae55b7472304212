import { isUtf8 } from 'node:buffer';
import { bareObject, JsonError, JsonNumber } from './value.ts';
import type { Json, JsonObject, JsonProblem } from './value.ts';

/** Deeper than any business record; shallow enough that nobody downstream meets a stack limit. */
const MAX_DEPTH = 64;

export interface ParseOptions {
  /** how deep arrays and objects may nest; default 64 */
  maxDepth?: number;
}

/**
 * RFC 8259, strictly, in time linear to the text. Refused besides bad syntax: a key twice in one object, the key
 * `__proto__`, anything after the value, bytes that are not UTF-8, a byte order mark, nesting over `maxDepth`. Escaped
 * NUL and lone surrogates are syntax and come through: see `findBadText`. Throws `JsonError`.
 */
export function parseExactJson(input: string | Uint8Array, options: ParseOptions = {}): Json {
  return new Parser(typeof input === 'string' ? input : decodeUtf8(input), options.maxDepth ?? MAX_DEPTH).document();
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON = 0x3a;
const MINUS = 0x2d;
const ZERO = 0x30;
const NINE = 0x39;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;

const ESCAPES: Readonly<Record<string, string>> = {
  '"': '"',
  '\\': '\\',
  '/': '/',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
};

class Parser {
  readonly #text: string;
  readonly #maxDepth: number;
  #at = 0;

  constructor(text: string, maxDepth: number) {
    this.#text = text;
    this.#maxDepth = maxDepth;
  }

  document(): Json {
    this.#space();
    const value = this.#value(0);
    this.#space();
    if (this.#at < this.#text.length) this.#fail('TRAILING', 'something follows the JSON value');
    return value;
  }

  #value(depth: number): Json {
    const code = this.#text.charCodeAt(this.#at);
    if (code === QUOTE) return this.#string();
    if (code === OPEN_BRACE) return this.#object(depth + 1);
    if (code === OPEN_BRACKET) return this.#array(depth + 1);
    if (code === MINUS || (code >= ZERO && code <= NINE)) return this.#number();
    if (this.#word('true')) return true;
    if (this.#word('false')) return false;
    if (this.#word('null')) return null;
    return this.#fail('SYNTAX', Number.isNaN(code) ? 'the JSON ends too early' : 'expected a JSON value');
  }

  #object(depth: number): JsonObject {
    if (depth > this.#maxDepth) this.#fail('DEPTH', `nested deeper than ${this.#maxDepth}`);
    const object = bareObject();
    this.#at++;
    this.#space();
    if (this.#text.charCodeAt(this.#at) === CLOSE_BRACE) {
      this.#at++;
      return object;
    }
    for (;;) {
      const start = this.#at;
      if (this.#text.charCodeAt(start) !== QUOTE) this.#fail('SYNTAX', 'expected a key in double quotes');
      const key = this.#string();
      if (key === '__proto__') this.#fail('PROTO_KEY', 'the key __proto__ is refused', start);
      if (key in object) this.#fail('DUPLICATE_KEY', 'a key stands twice in one object', start);
      this.#space();
      if (this.#text.charCodeAt(this.#at) !== COLON) this.#fail('SYNTAX', 'expected a colon');
      this.#at++;
      this.#space();
      object[key] = this.#value(depth);
      this.#space();
      if (this.#ends(CLOSE_BRACE)) return object;
    }
  }

  #array(depth: number): Json[] {
    if (depth > this.#maxDepth) this.#fail('DEPTH', `nested deeper than ${this.#maxDepth}`);
    const array: Json[] = [];
    this.#at++;
    this.#space();
    if (this.#text.charCodeAt(this.#at) === CLOSE_BRACKET) {
      this.#at++;
      return array;
    }
    for (;;) {
      array.push(this.#value(depth));
      this.#space();
      if (this.#ends(CLOSE_BRACKET)) return array;
    }
  }

  /** After an item: true at the closing bracket, false after a comma. */
  #ends(close: number): boolean {
    const code = this.#text.charCodeAt(this.#at);
    if (code !== close && code !== COMMA)
      this.#fail('SYNTAX', `expected a comma or ${close === CLOSE_BRACE ? 'a closing brace' : 'a closing bracket'}`);
    this.#at++;
    if (code === close) return true;
    this.#space();
    return false;
  }

  /** A plain run of characters is sliced at once; only escapes cost a concatenation. */
  #string(): string {
    const text = this.#text;
    let value = '';
    let from = ++this.#at;
    for (;;) {
      const code = text.charCodeAt(this.#at);
      if (code === QUOTE) break;
      if (code === BACKSLASH) {
        value += text.slice(from, this.#at) + this.#escape();
        from = this.#at;
        continue;
      }
      if (Number.isNaN(code)) this.#fail('SYNTAX', 'a string is not closed');
      if (code < 0x20) this.#fail('SYNTAX', 'a control character stands bare in a string');
      this.#at++;
    }
    return value + text.slice(from, this.#at++);
  }

  #escape(): string {
    const letter = this.#text.charAt(this.#at + 1);
    if (letter === 'u') {
      const hex = this.#text.slice(this.#at + 2, this.#at + 6);
      if (!/^[0-9a-fA-F]{4}$/.test(hex)) this.#fail('SYNTAX', 'expected four hexadecimal digits');
      this.#at += 6;
      return String.fromCharCode(Number.parseInt(hex, 16));
    }
    const value = Object.hasOwn(ESCAPES, letter) ? ESCAPES[letter] : undefined;
    if (value === undefined) this.#fail('SYNTAX', 'unknown escape');
    this.#at += 2;
    return value;
  }

  #number(): JsonNumber {
    const from = this.#at;
    if (this.#text.charCodeAt(this.#at) === MINUS) this.#at++;
    if (this.#text.charCodeAt(this.#at) === ZERO) this.#at++;
    else this.#digits();
    if (this.#text.charAt(this.#at) === '.') {
      this.#at++;
      this.#digits();
    }
    const exponent = this.#text.charAt(this.#at);
    if (exponent === 'e' || exponent === 'E') {
      this.#at++;
      const sign = this.#text.charAt(this.#at);
      if (sign === '+' || sign === '-') this.#at++;
      this.#digits();
    }
    return new JsonNumber(this.#text.slice(from, this.#at));
  }

  #digits(): void {
    const from = this.#at;
    for (;;) {
      const code = this.#text.charCodeAt(this.#at);
      if (!(code >= ZERO && code <= NINE)) break;
      this.#at++;
    }
    if (this.#at === from) this.#fail('SYNTAX', 'expected a digit');
  }

  #word(word: string): boolean {
    if (!this.#text.startsWith(word, this.#at)) return false;
    this.#at += word.length;
    return true;
  }

  #space(): void {
    for (;;) {
      const code = this.#text.charCodeAt(this.#at);
      if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return;
      this.#at++;
    }
  }

  #fail(problem: JsonProblem, what: string, offset = this.#at): never {
    const before = this.#text.slice(0, offset);
    const lastBreak = before.lastIndexOf('\n');
    const line = before.split('\n').length;
    throw new JsonError(problem, what, offset, line, offset - lastBreak);
  }
}

function decodeUtf8(bytes: Uint8Array): string {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (isUtf8(buffer)) return buffer.toString('utf8');
  const offset = firstBadByte(buffer);
  const good = buffer.subarray(0, offset).toString('utf8');
  const line = good.split('\n').length;
  throw new JsonError('UTF8', 'the bytes are not UTF-8', offset, line, good.length - good.lastIndexOf('\n'));
}

/** Node replaces what is broken by U+FFFD; the first one that was not sent as such is the place. */
function firstBadByte(buffer: Buffer): number {
  let at = 0;
  for (const character of buffer.toString('utf8')) {
    const sent = character !== '\ufffd' || (buffer[at] === 0xef && buffer[at + 1] === 0xbf && buffer[at + 2] === 0xbd);
    if (!sent) break;
    at += Buffer.byteLength(character);
  }
  return at;
}
