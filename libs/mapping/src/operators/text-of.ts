import { Decimal } from '#contracts';
import { decimalText } from '../units.ts';
import type { Expression } from '../expression.ts';
import type { Scope } from '../scope.ts';

export interface TextExpression {
  optional: boolean;
  reads: readonly string[];
  run(scope: Scope): string | undefined;
}

/** An expression as text, where its kind has one obvious text; undefined for instants, structures and open fields. */
export function textOf(from: Expression): TextExpression | undefined {
  if (from.opens || from.unrounded) return undefined;
  const { kind } = from.shape;
  if (kind !== 'text' && kind !== 'enum' && kind !== 'integer' && kind !== 'decimal' && kind !== 'date')
    return undefined;
  const { fixed } = from;
  return {
    optional: from.optional,
    reads: from.reads,
    run: (scope) => {
      const value = from.run(scope);
      if (value === undefined || value === null) return undefined;
      return value instanceof Decimal ? decimalText(value, fixed) : String(value);
    },
  };
}
