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
  const digits = e + 1 + scale;
  if (digits <= 0) return undefined;
  const first = Math.floor(e / BASE_DIGITS);
  return digits <= 15 ? small(d, first, scale, s) : large(d, first, scale, s);
}

function small(words: readonly number[], first: number, scale: number, sign: number): number | undefined {
  let sum = 0;
  for (let index = 0; index < words.length; index++) {
    const power = BASE_DIGITS * (first - index) + scale;
    const word = words[index]!;
    if (power >= 0) {
      sum += word * 10 ** power;
      continue;
    }
    const divisor = 10 ** -power;
    if (word % divisor !== 0) return undefined;
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
  if (scale === 0) return new Decimal(String(value));
  const negative = value < 0;
  const digits = String(negative ? -value : value).padStart(scale + 1, '0');
  const cut = digits.length - scale;
  return new Decimal(`${negative ? '-' : ''}${digits.slice(0, cut)}.${digits.slice(cut)}`);
}

const PARTS = /^([+-]?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/;

export type DecimalProblem = 'not a decimal' | 'too many fraction digits' | 'too many digits';

/**
 * A decimal by its text, by value: `1.10` is 1.1, `-0` is 0, `1E+3` is 1000. Digits are counted before anything is
 * computed, so that `1e999999999` costs nothing. Never rounds.
 */
export function decimalFromText(text: string, precision: number, scale: number): Decimal | DecimalProblem {
  const parts = PARTS.exec(text);
  if (!parts) return 'not a decimal';
  const [, sign, whole = '', fraction = '', exponentText = '0'] = parts;
  const digits = (whole + fraction).replace(/^0+/, '');
  if (digits === '') return new Decimal(0);
  const significant = digits.replace(/0+$/, '');
  const exponent = Number(exponentText) - fraction.length + (digits.length - significant.length);
  if (-exponent > scale) return 'too many fraction digits';
  if (significant.length + exponent > precision - scale) return 'too many digits';
  return new Decimal(`${sign === '-' ? '-' : ''}${significant}e${exponent}`);
}
