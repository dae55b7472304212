import { Decimal } from '#contracts';
import { over } from '../expression.ts';
import { DECIMAL_TEXT } from '../units.ts';
import { Refusal } from '../scope.ts';
import { describe } from '../shape.ts';
import { unitsOf } from '../units.ts';
import { entryOf } from '../yaml.ts';
import { optionsOf } from './operator.ts';
import type { StepOperator } from './operator.ts';
import { ROUNDINGS } from './rounding.ts';
import type { Rounding, RoundingMode } from './rounding.ts';

const SCALE_MAX = 9; // decimal(38,9) is what the canonical model holds

export const decimal: StepOperator = {
  name: 'decimal',
  role: 'step',
  signature: 'decimal, whole number or text of digits -> decimal',
  doc: 'Exactly `scale` fraction digits, rounded as `round` says: half-up, half-even, half-down, up, down, ceiling, floor, or exact, which refuses what does not fit. Half is away from zero: -0.005 becomes -0.01 with half-up.',
  examples: [
    { say: '{ from: amount, decimal: { scale: 2, round: half-up } }', given: { amount: '10.005' }, gives: '10.01' },
    { say: '{ from: amount, decimal: { scale: 2, round: half-even } }', given: { amount: '10.005' }, gives: '10.00' },
    { say: '{ from: amount, decimal: { scale: 2, round: half-up } }', given: { amount: '-0.005' }, gives: '-0.01' },
    { say: '{ from: amount, decimal: { scale: 2, round: down } }', given: { amount: '-0.009' }, gives: '0.00' },
    {
      say: '{ from: amount, decimal: { scale: 2, round: exact } }',
      given: { amount: '1.999' },
      refuses: 'fraction digits',
    },
    { say: '{ from: note, decimal: { scale: 3, round: exact } }', given: { note: '1.5' }, gives: '1.500' },
    { say: '{ from: note, decimal: { scale: 3, round: exact } }', given: { note: '1,5' }, refuses: 'not a decimal' },
  ],
  editor: {
    type: 'object',
    required: ['scale', 'round'],
    properties: { scale: { type: 'integer', minimum: 0, maximum: SCALE_MAX }, round: { enum: Object.keys(ROUNDINGS) } },
    additionalProperties: false,
  },
  build(input, node, _field, context) {
    const options = optionsOf(node, ['scale', 'round'], 'decimal', context);
    if (!options) return undefined;
    const scaleNode = entryOf(options, 'scale')?.value;
    const roundNode = entryOf(options, 'round')?.value;
    const scale = scaleNode?.kind === 'scalar' ? scaleNode.value : undefined;
    if (typeof scale !== 'number' || !Number.isInteger(scale) || scale < 0 || scale > SCALE_MAX)
      return context.findings.add(
        scaleNode?.at ?? node.at,
        `decimal: scale must be a whole number from 0 to ${SCALE_MAX}`,
      );
    const name = roundNode?.kind === 'scalar' ? roundNode.text : undefined;
    if (name === undefined)
      return context.findings.add(node.at, 'decimal: say how to round', `round: ${Object.keys(ROUNDINGS).join(' | ')}`);
    if (!Object.hasOwn(ROUNDINGS, name))
      return context.findings.unknown(
        roundNode!.at,
        `decimal: there is no rounding ${name}`,
        name,
        Object.keys(ROUNDINGS),
      );
    const { kind } = input.shape;
    if (kind !== 'decimal' && kind !== 'integer' && kind !== 'text')
      return context.findings.add(node.at, `decimal needs a number, this is ${describe(input.shape)}`);
    if (kind === 'integer' && scale > 0 && input.reads.length > 0 && !context.json)
      return context.findings.add(
        input.at,
        `a decimal belongs here, but ${input.reads[0]} is a whole number`,
        'name a decimal field, or say decimal: { scale: 0, round: exact } if it is meant',
      );
    const mode = ROUNDINGS[name as Rounding];
    const shape = { kind: 'decimal', scale, as: 'string' } as const;
    return over(input, input.at, shape, (value) => round(toDecimal(value), scale, mode), { fixed: scale });
  },
};

function round(value: Decimal, scale: number, mode: RoundingMode): Decimal {
  if (unitsOf(value, scale) !== undefined || value.decimalPlaces() <= scale) return value;
  if (mode === undefined) throw new Refusal(`more than ${scale} fraction digits`);
  return value.toDecimalPlaces(scale, mode);
}

function toDecimal(value: unknown): Decimal {
  if (value instanceof Decimal) return value;
  if (typeof value === 'string' && !DECIMAL_TEXT.test(value)) throw new Refusal('the text is not a decimal');
  return new Decimal(String(value));
}
