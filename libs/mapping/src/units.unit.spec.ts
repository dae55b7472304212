import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { Decimal } from '#contracts';
import { decimalText, Sum, textOfUnits, unitsOf, unitsOfText } from './units.ts';

const digits = fc
  .tuple(fc.boolean(), fc.bigInt({ min: 0n, max: 10n ** 20n }), fc.integer({ min: 0, max: 12 }))
  .map(([minus, whole, scale]) => new Decimal(`${minus ? '-' : ''}${whole}`).times(new Decimal(10).pow(-scale)));

describe('amounts as whole units', () => {
  it('are the same number as the decimal, or not given at all', () => {
    fc.assert(
      fc.property(digits, fc.integer({ min: 0, max: 9 }), (value, scale) => {
        const units = unitsOf(value, scale);
        if (units !== undefined) expect(new Decimal(units).times(new Decimal(10).pow(-scale)).equals(value)).toBe(true);
        else
          expect(
            value.decimalPlaces() > scale || value.abs().times(new Decimal(10).pow(scale)).gte('900719925474099'),
          ).toBe(true);
      }),
      { numRuns: 2000 },
    );
  });

  it('are written as decimal.js writes them', () => {
    fc.assert(
      fc.property(digits, fc.integer({ min: 0, max: 9 }), (value, scale) => {
        const rounded = value.toDecimalPlaces(scale);
        const expected = rounded.isZero() ? new Decimal(0).toFixed(scale) : rounded.toFixed(scale);
        expect(decimalText(rounded, scale)).toBe(expected);
        expect(decimalText(value)).toBe(value.isZero() ? '0' : value.toFixed());
      }),
      { numRuns: 2000 },
    );
  });

  it('are read back from the text that was written', () => {
    fc.assert(
      fc.property(fc.integer({ min: -(10 ** 13), max: 10 ** 13 }), fc.integer({ min: 0, max: 9 }), (units, scale) => {
        expect(unitsOfText(textOfUnits(units, scale), scale) ?? units).toBe(units);
      }),
    );
    expect(
      ['', '-', '1', '12', '.12', '-.12', '1.2', '1.234', '1e5', '1,23', 'abc'].map((text) => unitsOfText(text, 2)),
    ).toEqual(Array.from({ length: 11 }, () => undefined));
  });

  it('add up to what decimals add up to, beyond what a double holds too', () => {
    fc.assert(
      fc.property(fc.array(digits, { maxLength: 20 }), (values) => {
        const sum = new Sum(2);
        let expected = new Decimal(0);
        for (const [index, value] of values.entries()) {
          if (index % 2) sum.add(value);
          else sum.addText(value.toFixed());
          expected = expected.plus(value);
        }
        expect(sum.total().equals(expected)).toBe(true);
      }),
      { numRuns: 1000 },
    );
  });
});
