import { Decimal } from '#contracts';
import type { Flow } from '#contracts';

/** What an event is worth, by the flow's `value` paths; nothing where a part is absent, for an amount needs its currency. */
export function valueOf(record: object, value: Flow['value']): { amount?: string; currency?: string } {
  if (!value) return {};
  const amount = at(record, value.amount);
  const currency = at(record, value.currency);
  if (!(amount instanceof Decimal) || typeof currency !== 'string') return {};
  return { amount: amount.isZero() ? '0' : amount.toFixed(), currency };
}

function at(record: object, path: string): unknown {
  let value: unknown = record;
  for (const name of path.split('.')) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined;
    value = (value as Record<string, unknown>)[name];
  }
  return value;
}
