import { Decimal } from '#contracts';
import type { Context } from './context.ts';
import { listPath } from './lists.ts';
import { isKnown } from './operators/operator.ts';
import { DECIMAL_TEXT } from './units.ts';
import { addReview } from './scope.ts';
import type { Scope } from './scope.ts';
import { describe } from './shape.ts';
import { decimalText, unitsOf } from './units.ts';
import { entryOf } from './yaml.ts';
import type { Mapping, Tree } from './yaml.ts';

export interface Comparison {
  reads: readonly string[];
  /** adds a review reason when the two are further apart than allowed; absent on the other side is not compared */
  compare(value: Decimal, scope: Scope): void;
}

/**
 * `equals` with `within`. The reason names the fields and the difference, not the amounts: it travels in a header and shows
 * in lists that more people read than the document.
 */
export function comparisonOf(node: Mapping, name: string, context: Context): Comparison | undefined {
  const equals = entryOf(node, 'equals');
  const within = entryOf(node, 'within');
  if (!equals) return within && context.findings.add(within.keyAt, 'within without equals');
  if (!within)
    return context.findings.add(equals.keyAt, 'equals needs within', 'within: "0.01", or within: "0.01 x lines"');
  const other = context.value(equals.value, context);
  const limit = toleranceOf(within.value, context);
  if (!other || !limit || !isKnown(other, equals.value, 'equals', context)) return undefined;
  if (other.shape.kind !== 'decimal' && other.shape.kind !== 'integer')
    return context.findings.add(equals.value.at, `equals needs a decimal, this is ${describe(other.shape)}`);
  const against = equals.value.kind === 'scalar' ? equals.value.text : 'the expected amount';
  return {
    reads: [...other.reads, ...limit.reads],
    compare: (value, scope) => {
      const expected = other.run(scope);
      if (expected === undefined || expected === null) return;
      if (expected instanceof Decimal && equal(value, expected)) return;
      const difference = value.minus(expected instanceof Decimal ? expected : String(expected)).abs();
      const allowed = limit.amount(scope);
      if (difference.lte(allowed)) return;
      addReview(
        scope,
        `${name} differs by ${decimalText(difference)} from ${against}, allowed is ${decimalText(allowed)}`,
      );
    },
  };
}

interface Tolerance {
  reads: readonly string[];
  amount(scope: Scope): Decimal;
}

/** Equal in units of 10^-4, which covers the amounts of nearly every document: the common case, without arithmetic. */
function equal(value: Decimal, expected: Decimal): boolean {
  const units = unitsOf(value, 4);
  return units !== undefined && units === unitsOf(expected, 4);
}

function toleranceOf(node: Tree, context: Context): Tolerance | undefined {
  const text = node.kind === 'scalar' ? node.text : '';
  const [amount, path, more] = text.split(/\s+x\s+/);
  if (amount === undefined || !DECIMAL_TEXT.test(amount.trim()) || amount.startsWith('-') || more !== undefined)
    return context.findings.add(node.at, 'within takes an amount', '"0.01", or "0.01 x lines" for that much per line');
  const each = new Decimal(amount.trim());
  if (path === undefined) return { reads: [], amount: () => each };
  const list = listPath(path.trim(), node.at, context);
  if (!list) return undefined;
  return { reads: [list.read], amount: (scope) => each.times(list.get(scope).length) };
}
