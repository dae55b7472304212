import { Decimal } from '#contracts';

/** How digits that do not fit are dealt with. The mapping must choose: there is no default for money. */
export const ROUNDINGS = {
  'half-up': Decimal.ROUND_HALF_UP,
  'half-even': Decimal.ROUND_HALF_EVEN,
  'half-down': Decimal.ROUND_HALF_DOWN,
  up: Decimal.ROUND_UP,
  down: Decimal.ROUND_DOWN,
  ceiling: Decimal.ROUND_CEIL,
  floor: Decimal.ROUND_FLOOR,
  /** refuses instead of rounding */
  exact: undefined,
} as const;

export type Rounding = keyof typeof ROUNDINGS;

/** One of decimal.js' rounding modes. */
export type RoundingMode = (typeof ROUNDINGS)[Rounding];
