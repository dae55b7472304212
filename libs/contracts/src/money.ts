import { Decimal as Base } from 'decimal.js';

/**
 * Exact decimals: decimal(38,9) everywhere in the canonical model. 60 significant digits let sums and products of two
 * such numbers stay exact; rounding happens only where a mapping says so.
 */
export const Decimal = Base.clone({ precision: 80, toExpNeg: -60, toExpPos: 60 });
export type Decimal = Base;

export interface Money {
  amount: Decimal;
  /** ISO 4217 */
  currency: string;
}
