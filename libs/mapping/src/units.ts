import { Decimal } from '#contracts';

/**
 * Amounts as whole numbers of their smallest unit, while a double holds them exactly (below 2^53: ninety trillion euros in
 * cents). decimal.js is exact for everything but takes half a microsecond to write a number; nearly all amounts of a
 * document fit here, and what does not goes the long way. Nothing is ever rounded in this file.
 */
/** What counts as a decimal in text: plain digits, no exponent, no separators of thousands. */
export const DECIMAL_TEXT = /^-?\d{1,30}(?:\.\d{1,30})?$/;

const BASE = 7; // decimal.js keeps words of seven digits
const POWERS = Array.from({ length: 16 }, (_, index) => 10 ** index);

/** The value in units of 10^-scale; undefined when it has more digits than that or is too large. */
export function unitsOf(value: Decimal, scale: number): number | undefined {
  const { d: words, e: exponent, s: sign } = value;
  if (words === null || exponent > 15 - scale) return undefined;
  const first = Math.floor(exponent / BASE);
  let units = 0;
  for (let index = 0; index < words.length; index++) {
    const word = words[index]!;
    const shift = BASE * (first - index) + scale;
    if (shift >= 0) {
      if (shift > 15) return undefined;
      units += word * POWERS[shift]!;
    } else {
      if (word === 0) continue;
      if (shift < -15) return undefined;
      const power = POWERS[-shift]!;
      const whole = Math.floor(word / power);
      if (whole * power !== word) return undefined;
      units += whole;
    }
  }
  return units <= Number.MAX_SAFE_INTEGER ? sign * units : undefined;
}

/** Units of text that this library wrote with exactly `scale` fraction digits; undefined when it is any other text. */
export function unitsOfText(text: string, scale: number): number | undefined {
  if (text.length > 16) return undefined;
  const point = scale === 0 ? -1 : text.length - scale - 1;
  let at = text.charCodeAt(0) === MINUS ? 1 : 0;
  if (scale > 0 ? point <= at || text.charCodeAt(point) !== POINT : at >= text.length) return undefined;
  let units = 0;
  for (; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (at === point) continue;
    if (code < ZERO || code > NINE) return undefined;
    units = units * 10 + (code - ZERO);
  }
  if (units > Number.MAX_SAFE_INTEGER) return undefined;
  return text.charCodeAt(0) === MINUS ? -units : units;
}

const MINUS = 0x2d;
const POINT = 0x2e;
const ZERO = 0x30;
const NINE = 0x39;

/** Units as text with exactly `scale` fraction digits, never `-0`. */
export function textOfUnits(units: number, scale: number): string {
  if (scale === 0) return String(units === 0 ? 0 : units);
  const size = Math.abs(units);
  const power = POWERS[scale]!;
  const whole = Math.floor(size / power);
  const rest = String(size - whole * power);
  const fraction = rest.length < scale ? '0'.repeat(scale - rest.length) + rest : rest;
  return `${units < 0 ? '-' : ''}${whole}.${fraction}`;
}

/** Plain digits, never an exponent, never `-0`; exactly `scale` fraction digits where it is given. */
export function decimalText(value: Decimal, scale?: number): string {
  if (scale !== undefined) {
    const units = unitsOf(value, scale);
    if (units !== undefined) return textOfUnits(units, scale);
    return value.isZero() ? textOfUnits(0, scale) : value.toFixed(scale);
  }
  if (value.d?.length === 1 && value.e >= 0 && value.e < BASE) return String(value.s * value.d[0]! || 0); // a small whole number
  return value.isZero() ? '0' : value.toFixed();
}

/** Adds up decimals of a known scale as units, and the rest exactly. */
export class Sum {
  readonly #scale: number;
  #units = 0;
  #rest: Decimal | undefined;

  constructor(scale: number) {
    this.#scale = scale;
  }

  add(value: Decimal): void {
    const units = unitsOf(value, this.#scale);
    if (units === undefined || !Number.isSafeInteger(this.#units + units))
      this.#rest = this.#rest ? this.#rest.plus(value) : value;
    else this.#units += units;
  }

  /** False, and nothing added, when the text is no decimal. */
  addText(text: string): boolean {
    const units = unitsOfText(text, this.#scale);
    if (units !== undefined && Number.isSafeInteger(this.#units + units)) this.#units += units;
    else if (DECIMAL_TEXT.test(text)) this.add(new Decimal(text));
    else return false;
    return true;
  }

  total(): Decimal {
    const units = new Decimal(textOfUnits(this.#units, this.#scale));
    return this.#rest ? this.#rest.plus(units) : units;
  }
}
