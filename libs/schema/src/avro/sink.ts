import { Buffer } from 'node:buffer';

const START = 64 * 1024;
const KEEP = 4 * 1024 * 1024; // a rare giant record does not stay in memory for ever
const LONGEST_ASCII_LOOP = 48; // beyond that Buffer.write wins over a loop in JavaScript

/** The value does not fit the schema. Carries no path: `explain.ts` finds it, off the hot path. */
export class Misfit extends Error {}

/** Scratch memory that values are written into; the finished bytes are copied out once. Not reentrant. */
export class Sink {
  #bytes = Buffer.allocUnsafeSlow(START);
  #at = 0;

  reset(): void {
    this.#at = 0;
    if (this.#bytes.length > KEEP) this.#bytes = Buffer.allocUnsafeSlow(START);
  }

  /** A copy of what was written since `reset`. */
  take(): Buffer {
    const copy = Buffer.allocUnsafe(this.#at);
    this.#bytes.copy(copy, 0, 0, this.#at);
    return copy;
  }

  byte(value: number): void {
    this.#ensure(1);
    this.#bytes[this.#at++] = value;
  }

  /** Four bytes, big-endian: the id of Confluent's frame. */
  uint32(value: number): void {
    this.#ensure(4);
    this.#at = this.#bytes.writeUInt32BE(value, this.#at);
  }

  /** Zigzag and base-128, of a whole number within ±2^53. */
  int(value: number): void {
    this.#ensure(10);
    const bytes = this.#bytes;
    if (value >= 0 && value < 64) {
      bytes[this.#at++] = value << 1;
      return;
    }
    if (value >= 2 ** 51 || value <= -(2 ** 51)) {
      this.long(BigInt(value));
      return;
    }
    let at = this.#at;
    let rest = value < 0 ? -2 * value - 1 : 2 * value;
    for (; rest >= 2 ** 31; rest = Math.floor(rest / 128)) bytes[at++] = (rest % 128) | 128;
    for (; rest >= 128; rest >>>= 7) bytes[at++] = (rest & 127) | 128;
    bytes[at++] = rest;
    this.#at = at;
  }

  /** The same for 64 bits. */
  long(value: bigint): void {
    this.#ensure(10);
    let rest = BigInt.asUintN(64, (value << 1n) ^ (value >> 63n));
    while (rest >= 128n) {
      this.#bytes[this.#at++] = Number(rest & 127n) | 128;
      rest >>= 7n;
    }
    this.#bytes[this.#at++] = Number(rest);
  }

  /** Length and UTF-8; a lone surrogate has none. */
  text(value: string): void {
    const length = value.length;
    if (length <= LONGEST_ASCII_LOOP && this.#ascii(value, length)) return;
    if (!value.isWellFormed()) throw new Misfit();
    const bytes = Buffer.byteLength(value);
    this.int(bytes);
    this.#ensure(bytes);
    this.#bytes.write(value, this.#at, bytes, 'utf8');
    this.#at += bytes;
  }

  #ascii(value: string, length: number): boolean {
    this.#ensure(length + 1);
    const bytes = this.#bytes;
    let at = this.#at;
    bytes[at++] = length << 1; // one byte: length is below 64
    for (let index = 0; index < length; index++) {
      const code = value.charCodeAt(index);
      if (code > 127) return false;
      bytes[at++] = code;
    }
    this.#at = at;
    return true;
  }

  bytes(value: Uint8Array): void {
    this.int(value.length);
    this.#ensure(value.length);
    this.#bytes.set(value, this.#at);
    this.#at += value.length;
  }

  double(value: number): void {
    this.#ensure(8);
    this.#at = this.#bytes.writeDoubleLE(value, this.#at);
  }

  /** Length and the shortest two's complement, big-endian: Avro's decimal. Numbers must be safe. */
  unscaled(value: number | bigint): void {
    if (typeof value === 'bigint') {
      this.#unscaledBig(value);
      return;
    }
    this.#ensure(9);
    const bytes = this.#bytes;
    const high = Math.floor(value / 2 ** 32);
    const low = (value - high * 2 ** 32) | 0;
    const size = high === low >> 31 ? sizeOf(low) : 4 + sizeOf(high);
    let at = this.#at;
    bytes[at] = size << 1;
    at += size;
    this.#at = at + 1;
    let part = low;
    for (let left = size < 4 ? size : 4; left > 0; left--) {
      bytes[at--] = part;
      part >>= 8;
    }
    part = high;
    for (let left = size - 4; left > 0; left--) {
      bytes[at--] = part;
      part >>= 8;
    }
  }

  #unscaledBig(value: bigint): void {
    let size = 1;
    for (let limit = 128n; value >= limit || value < -limit; limit <<= 8n) size++;
    this.#ensure(size + 1);
    this.#bytes[this.#at++] = size << 1;
    let rest = value;
    for (let index = size - 1; index >= 0; index--) {
      this.#bytes[this.#at + index] = Number(rest & 255n);
      rest >>= 8n;
    }
    this.#at += size;
  }

  #ensure(more: number): void {
    if (this.#at + more <= this.#bytes.length) return;
    const grown = Buffer.allocUnsafeSlow(Math.max(this.#bytes.length * 2, this.#at + more));
    grown.set(this.#bytes.subarray(0, this.#at));
    this.#bytes = grown;
  }
}

/** Bytes that a 32-bit integer needs in two's complement. */
function sizeOf(value: number): number {
  const bits = 33 - Math.clz32(value < 0 ? ~value : value); // one for the sign
  return (bits + 7) >> 3;
}
