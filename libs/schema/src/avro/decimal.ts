import { Decimal } from '#contracts';

/** decimal(38,9) as unscaled integers: 19.99 is 19_990_000_000n. */
const BASE_DIGITS = 7; // decimal.js keeps base-1e7 words

/** `d` and `e` are decimal.js' documented fields: base-1e7 words, and the exponent of the first digit. */
interface Words {
  s: number;
  e: number;
  d: number[] | null;
}

/**
 * The unscaled integer of a decimal, as a number where it is safe and a bigint where not; undefined when it is not
 * finite or has more fraction digits than `scale`.
 */
export function unscaled(value: Decimal, scale: number): number | bigint | undefined {
  const { s, e, d } = value as unknown as Words;
  if (d === null) return undefined;
  if (d.length === 1 && d[0] === 0) return 0;
  if (scale === NINE && e >= 0 && e < 6) return everyday(d, s);
  const digits = e + 1 + scale;
  if (digits <= 0) return undefined;
  const first = Math.floor(e / BASE_DIGITS);
  return digits <= 15 ? small(d, first, scale, s) : large(d, first, scale, s);
}

/** Nine fraction digits and a whole part below a million: one word before the point, two behind it. */
function everyday(words: readonly number[], sign: number): number | undefined {
  const count = words.length;
  let sum = words[0]! * 1e9;
  if (count > 1) sum += words[1]! * 100;
  if (count > 2) {
    const last = words[2]!;
    if (count > 3 || last % 100_000 !== 0) return undefined;
    sum += last / 100_000;
  }
  return sign < 0 ? -sum : sum;
}

const POWERS = Array.from({ length: 23 }, (_, power) => 10 ** power); // exact in a double up to 1e22

function small(words: readonly number[], first: number, scale: number, sign: number): number | undefined {
  let sum = 0;
  for (let index = 0; index < words.length; index++) {
    const power = BASE_DIGITS * (first - index) + scale;
    const word = words[index]!;
    if (power >= 0) {
      sum += word * POWERS[power]!;
      continue;
    }
    const divisor = POWERS[-power];
    if (divisor === undefined || word % divisor !== 0) return undefined;
    sum += word / divisor;
  }
  return sign < 0 ? -sum : sum;
}

function large(words: readonly number[], first: number, scale: number, sign: number): bigint | undefined {
  let sum = 0n;
  let power = 0;
  for (let index = 0; index < words.length; index++) {
    power = BASE_DIGITS * (first - index) + scale;
    const word = words[index]!;
    if (power >= 0) {
      sum = sum * 10_000_000n + BigInt(word);
      continue;
    }
    const divisor = 10 ** -power;
    if (divisor > 10_000_000 || word % divisor !== 0 || index < words.length - 1) return undefined;
    sum = sum * BigInt(10 ** (BASE_DIGITS + power)) + BigInt(word / divisor);
  }
  if (power > 0) sum *= 10n ** BigInt(power);
  return sign < 0 ? -sum : sum;
}

/** The decimal of an unscaled integer. */
export function scaled(value: number | bigint, scale: number): Decimal {
  if (scale === NINE && typeof value === 'number' && Number.isSafeInteger(value)) return nanos(value);
  if (scale === 0) return new Decimal(String(value));
  const negative = value < 0;
  const digits = String(negative ? -value : value).padStart(scale + 1, '0');
  const cut = digits.length - scale;
  return new Decimal(`${negative ? '-' : ''}${digits.slice(0, cut)}.${digits.slice(cut)}`);
}

const NINE = 9;

/**
 * The same for nine fraction digits and safe integers, without a detour over text: decoding an order is mostly this.
 * Below 2^53 the whole part is one base-1e7 word and the fraction two.
 */
function nanos(value: number): Decimal {
  const made = new Decimal(0);
  if (value === 0) return made;
  const size = Math.abs(value);
  const whole = Math.floor(size / 1e9);
  const fraction = size - whole * 1e9;
  const upper = Math.floor(fraction / 100);
  const lower = (fraction - upper * 100) * 100_000;
  const words: Words = made as unknown as Words;
  words.s = value < 0 ? -1 : 1;
  if (whole > 0) {
    words.e = digitsOf(whole) - 1;
    words.d = lower > 0 ? [whole, upper, lower] : upper > 0 ? [whole, upper] : [whole];
  } else if (upper > 0) {
    words.e = digitsOf(upper) - 1 - BASE_DIGITS;
    words.d = lower > 0 ? [upper, lower] : [upper];
  } else {
    words.e = digitsOf(lower) - 1 - 2 * BASE_DIGITS;
    words.d = [lower];
  }
  return made;
}

/** Of 1 to 9,999,999. */
function digitsOf(word: number): number {
  if (word >= 10_000) return word >= 1_000_000 ? 7 : word >= 100_000 ? 6 : 5;
  return word >= 1_000 ? 4 : word >= 100 ? 3 : word >= 10 ? 2 : 1;
}

const PARTS = /^([+-]?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/;

export type DecimalProblem = 'not a decimal' | 'too many fraction digits' | 'too many digits';

/**
 * A decimal by its text, by value: `1.10` is 1.1, `-0` is 0, `1E+3` is 1000. Digits are counted before anything is
 * computed, so that `1e999999999` costs nothing. Never rounds.
 */
export function decimalFromText(text: string, precision: number, scale: number): Decimal | DecimalProblem {
  if (scale === NINE) {
    const short = shortNanos(text);
    if (short !== undefined) return nanos(short);
  }
  const parts = PARTS.exec(text);
  if (!parts) return 'not a decimal';
  const [, sign, whole = '', fraction = '', exponentText = '0'] = parts;
  const digits = (whole + fraction).replace(/^0+/, '');
  if (digits === '') return new Decimal(0);
  const significant = withoutEndingZeros(digits);
  const exponent = Number(exponentText) - fraction.length + (digits.length - significant.length);
  if (-exponent > scale) return 'too many fraction digits';
  if (significant.length + exponent > precision - scale) return 'too many digits';
  return new Decimal(`${sign === '-' ? '-' : ''}${significant}e${exponent}`);
}

/** Not `/0+$/`, which looks at each zero of `1000...01` once for every zero before it: half an hour for a mebibyte. */
function withoutEndingZeros(digits: string): string {
  let end = digits.length;
  while (digits.charCodeAt(end - 1) === 0x30) end--;
  return digits.slice(0, end);
}

/** Plain decimals of up to 15 digits once scaled by 1e9, the everyday case; undefined for all others. */
function shortNanos(text: string): number | undefined {
  const length = text.length;
  const start = text.charCodeAt(0) === 0x2d ? 1 : 0;
  let value = 0;
  let point = -1;
  for (let index = start; index < length; index++) {
    const code = text.charCodeAt(index);
    if (code === 0x2e && point < 0) point = index;
    else if (code >= 0x30 && code <= 0x39) value = value * 10 + (code - 0x30);
    else return undefined;
  }
  const fraction = point < 0 ? 0 : length - point - 1;
  const whole = length - start - (point < 0 ? 0 : fraction + 1);
  if (whole < 1 || whole > 6 || fraction > NINE || (point >= 0 && fraction === 0)) return undefined;
  const result = value * POWERS[NINE - fraction]!;
  return start === 1 && result !== 0 ? -result : result;
}
