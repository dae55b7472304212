import { Decimal } from '#contracts';
import { Refusal } from '../scope.ts';
import type { Scope, Source } from '../scope.ts';
import { entryOf } from '../yaml.ts';
import { isKnown, optionsOf } from './operator.ts';
import type { SourceOperator } from './operator.ts';

export const split: SourceOperator = {
  name: 'split',
  role: 'source',
  signature: 'decimal of the record, by a decimal of each item -> decimal',
  doc: "Inside `each`: this item's share of a total, in proportion to `by`, with `scale` fraction digits. `of` reads `$record.`, for it is one total for all items. The parts always add up to the total: what rounding leaves over goes to the largest remainders (Hamilton's method), ties to the earlier item. All weights 0: equal parts.",
  also: [],
  examples: [
    {
      say: '{ each: lines, fields: { part: { split: { of: $record.amount, by: amount, scale: 2 } } } }',
      given: {
        amount: '100',
        lines: [
          { sku: 'A', amount: '1' },
          { sku: 'B', amount: '1' },
          { sku: 'C', amount: '1' },
        ],
      },
      gives: [{ part: '33.34' }, { part: '33.33' }, { part: '33.33' }],
    },
  ],
  editor: {
    type: 'object',
    required: ['of', 'by', 'scale'],
    properties: {
      of: { $ref: '#/$defs/value' },
      by: { $ref: '#/$defs/value' },
      scale: { type: 'integer', minimum: 0, maximum: 9 },
    },
    additionalProperties: false,
  },
  build(node, _field, context) {
    const options = optionsOf(node, ['of', 'by', 'scale'], 'split', context);
    if (!options) return undefined;
    if (!context.inEach)
      return context.findings.add(
        node.at,
        'split stands inside each, not inside fields with from: it is the share of one item',
      );
    if (context.group) return context.findings.add(node.at, 'split cannot stand in an each with group');
    const [of, by, scaleNode] = ['of', 'by', 'scale'].map((name) => entryOf(options, name)?.value);
    const scale = scaleNode?.kind === 'scalar' ? scaleNode.value : undefined;
    if (!of || !by || typeof scale !== 'number' || !Number.isInteger(scale) || scale < 0 || scale > 9)
      return context.findings.add(
        node.at,
        'split needs of, by and scale',
        'split: { of: $record.tax.amount, by: amount, scale: 2 }',
      );
    const total = context.value(of, { ...context, ofAll: true });
    const weight = context.value(by, context);
    if (!total || !weight) return undefined;
    if (!isKnown(total, of, 'split', context) || !isKnown(weight, by, 'split', context)) return undefined;
    if (total.shape.kind !== 'decimal') return context.findings.add(of.at, 'split: of must be a decimal');
    if (weight.shape.kind !== 'decimal' && weight.shape.kind !== 'integer')
      return context.findings.add(by.at, 'split: by must be a number');
    const shares = new WeakMap<readonly Source[], ReadonlyMap<Source, Decimal>>(); // once per list, not once per item
    return {
      shape: { kind: 'decimal', scale, as: 'string' },
      at: node.at,
      optional: total.optional,
      reads: [...total.reads, ...weight.reads],
      fixed: scale,
      run: (scope) => {
        const items = scope.items!;
        let parts = shares.get(items);
        if (!parts) {
          const whole = total.run(scope);
          if (!(whole instanceof Decimal)) return undefined;
          const made = largestRemainder(whole, weights(items, scope, weight.run), scale);
          parts = new Map(items.map((item, index) => [item, made[index]!]));
          shares.set(items, parts);
        }
        return parts.get(scope.item);
      },
    };
  },
};

function weights(items: readonly Source[], scope: Scope, weight: (scope: Scope) => unknown): Decimal[] {
  const here = scope.item;
  const all = items.map((item) => {
    scope.item = item;
    const value = weight(scope);
    return value === undefined || value === null ? new Decimal(0) : new Decimal(String(value));
  });
  scope.item = here;
  return all;
}

/**
 * Parts of `total` in proportion to `weights`, each with at most `scale` fraction digits, adding up to `total` exactly
 * (Hamilton's method of largest remainders). Refuses a total with more digits than `scale`: no parts could add up to it.
 */
export function largestRemainder(total: Decimal, weights: readonly Decimal[], scale: number): Decimal[] {
  if (total.decimalPlaces() > scale) throw new Refusal(`split: the total has more than ${scale} fraction digits`);
  let sum = new Decimal(0);
  for (const weight of weights) sum = sum.plus(weight);
  const fair = sum.isZero() ? weights.map(() => new Decimal(1)) : weights;
  const whole = sum.isZero() ? new Decimal(weights.length) : sum;
  const unit = new Decimal(10).pow(-scale);
  const parts = fair.map((weight, index) => {
    const exact = total.times(weight).div(whole);
    const part = exact.toDecimalPlaces(scale, Decimal.ROUND_FLOOR);
    return { index, part, rest: exact.minus(part) };
  });
  let given = new Decimal(0);
  for (const { part } of parts) given = given.plus(part);
  let left = total.minus(given).div(unit).toNumber(); // whole, at least 0 and below the number of parts
  const byRest = [...parts].sort((a, b) => b.rest.comparedTo(a.rest) || a.index - b.index);
  for (const one of byRest) {
    if (left-- <= 0) break;
    one.part = one.part.plus(unit);
  }
  return parts.map(({ part }) => part);
}
