import type { Scope, Value } from './scope.ts';
import type { Shape } from './shape.ts';
import type { At } from './yaml.ts';

/** A checked piece of a mapping: what it gives, whether it may give nothing, what it reads, and the closure that runs. */
export interface Expression {
  shape: Shape;
  at: At;
  /** may be absent, or cleared */
  optional: boolean;
  /** paths of the source that are read, `lines[].amount` for those of items */
  reads: readonly string[];
  run(scope: Scope): Value;
  /** gives a field that delivery fills in, always or sometimes: no step may follow */
  opens?: boolean;
  /** and never anything else: whatever text or number delivery finds goes there */
  filled?: boolean;
  /** the values it can give, where they stand in the file: each is checked against the target */
  constants?: readonly { value: string | boolean; at: At }[];
  /** digits without bound, as after multiply: a `decimal` step must follow */
  unrounded?: boolean;
  /** decimals: how many fraction digits are written, as a `decimal` step fixes them */
  fixed?: number;
  /** an id or key: not measured against a target's length, for cutting one would be wrong */
  whole?: boolean;
  /** entity whose id this is */
  entity?: string;
}

/** Builds the expression of a step over another: absent and cleared pass through untouched. */
export function over(
  input: Expression,
  at: At,
  shape: Shape,
  change: (value: NonNullable<Value>, scope: Scope) => Value,
  more: Partial<Expression> = {},
): Expression {
  const before = input.run;
  return {
    shape,
    at,
    optional: input.optional,
    reads: input.reads,
    run: (scope) => {
      const value = before(scope);
      return value === undefined || value === null ? value : change(value, scope);
    },
    ...more,
  };
}
