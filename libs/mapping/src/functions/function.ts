import type { Shape } from '../shape.ts';

/**
 * What the language cannot say, as a named function of this folder. It must be pure: no clock, no I/O, the same answer for
 * the same input. `undefined` means absent. A user's folder adds none.
 */
export interface NamedFunction {
  name: string;
  /** one line for the reference */
  doc: string;
  input: Shape;
  output: Shape;
  /** may give nothing although the input is there */
  optional: boolean;
  examples: readonly { input: unknown; output: unknown }[];
  run(input: never): unknown;
}
