import { Decimal } from '#contracts';

/** Times as ISO 8601; null and undefined are left out of the answer. */
export const iso = (at: Date | null | undefined): string | undefined => at?.toISOString();

/** Longs are JSON strings. */
export const long = (value: bigint | null | undefined): string | undefined =>
  value === null || value === undefined ? undefined : String(value);

/** null is left out. */
export const opt = <T>(value: T | null): T | undefined => value ?? undefined;

/** An amount of money as people write it: at least two decimals, and every digit that is there. */
export function money(amount: string | Decimal): string {
  const exact = new Decimal(amount);
  return exact.toFixed(Math.max(2, exact.decimalPlaces()));
}
