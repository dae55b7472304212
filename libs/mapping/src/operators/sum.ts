import { Decimal } from '#contracts';
import type { Context } from '../context.ts';
import { manyPath } from '../lists.ts';
import type { Scope } from '../scope.ts';
import { describe } from '../shape.ts';
import type { Shape } from '../shape.ts';
import type { Tree } from '../yaml.ts';
import { Sum } from '../units.ts';
import { isKnown } from './operator.ts';
import type { SourceOperator } from './operator.ts';

export const sum: SourceOperator = {
  name: 'sum',
  role: 'source',
  signature: 'path through a list, or list of decimals -> decimal',
  doc: 'The exact sum; what is absent counts nothing, nothing at all is 0. `$target.lines.amount` sums what the document already has, so it must stand below it; `$group.amount` sums the items of a group.',
  examples: [
    {
      say: '{ sum: lines.amount }',
      given: {
        lines: [
          { sku: 'A', amount: '0.10' },
          { sku: 'B', amount: '0.20' },
        ],
      },
      gives: '0.3',
    },
    { say: '{ sum: [amount, quantity] }', given: { amount: '1.5', quantity: '2' }, gives: '3.5' },
    { say: '{ sum: lines.amount, decimal: { scale: 2, round: half-up } }', given: {}, gives: '0.00' },
    {
      say: '{ sum: lines.amount, equals: amount, within: "0.01 x lines" }',
      given: { amount: '10.05', lines: [{ sku: 'A', amount: '10' }] },
      gives: '10',
      review: 'differs by 0.05',
    },
  ],
  editor: { anyOf: [{ type: 'string' }, { type: 'array', items: { $ref: '#/$defs/value' } }] },
  build(node, _field, context) {
    const parts = node.kind === 'list' ? node.items.map((item) => partOf(item, context)) : [partOf(node, context)];
    const known = parts.filter((part) => part !== undefined);
    if (known.length < parts.length) return undefined;
    if (known.length === 0) return context.findings.add(node.at, 'sum takes at least one path');
    const fixed = known.map((part) => part.fixed);
    const fixedScale = fixed.includes(undefined) ? undefined : Math.max(...(fixed as number[]));
    const scale = fixedScale ?? 4; // amounts rarely have more digits; those that do are added exactly all the same
    return {
      shape: shapeOfSum(known.map((part) => part.shape)),
      at: node.at,
      optional: false,
      reads: known.flatMap((part) => part.reads),
      unrounded: known.some((part) => part.unrounded),
      fixed: fixedScale,
      run: (scope) => {
        const total = new Sum(scale);
        for (const part of known) part.collect(scope, total);
        return total.total();
      },
    };
  },
};

interface Part {
  shape: Shape;
  reads: readonly string[];
  unrounded?: boolean;
  fixed?: number;
  collect(scope: Scope, into: Sum): void;
}

function partOf(node: Tree, context: Context): Part | undefined {
  const path = node.kind === 'scalar' && typeof node.value === 'string' ? node.value : undefined;
  if (path !== undefined && (!path.startsWith('$') || /^\$(target|group|record)\./.test(path))) {
    const many = manyPath(path, node.at, context);
    if (!many) return undefined;
    const wholeNumber = many.shape.kind === 'integer' && (context.json || path.startsWith('$target.'));
    if (many.shape.kind !== 'decimal' && !wholeNumber)
      return context.findings.add(node.at, `sum needs decimals, this is ${describe(many.shape)}`);
    return { shape: many.shape, reads: many.read === '' ? [] : [many.read], collect: many.collect, fixed: many.fixed };
  }
  const one = context.value(node, context);
  if (!one || !isKnown(one, node, 'sum', context)) return undefined;
  if (one.shape.kind !== 'decimal' && one.shape.kind !== 'integer')
    return context.findings.add(node.at, `sum needs decimals, this is ${describe(one.shape)}`);
  return {
    shape: one.shape,
    reads: one.reads,
    unrounded: one.unrounded,
    fixed: one.fixed,
    collect: (scope, into) => {
      const value = one.run(scope);
      if (value !== undefined && value !== null) {
        if (value instanceof Decimal) into.add(value);
        else into.addText(String(value));
      }
    },
  };
}

function shapeOfSum(shapes: readonly Shape[]): Shape {
  if (shapes.every((shape) => shape.kind === 'integer')) return { kind: 'decimal', scale: 0, as: 'string' };
  const scales = shapes.map((shape) => (shape.kind === 'decimal' ? shape.scale : 0));
  return {
    kind: 'decimal',
    as: 'string',
    scale: scales.includes(undefined) ? undefined : Math.max(...(scales as number[])),
  };
}
