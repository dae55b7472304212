import type { Context } from '../context.ts';
import type { Tree } from '../yaml.ts';

/** What is known of a text before or after a step. */
export interface TextShape {
  maxLength?: number;
}

/** One step of `then`: a pure function from text to text. `undefined` means that no such text can be made: absent. */
export interface TextStep {
  name: string;
  /** one line for the reference */
  doc: string;
  /** as it is written: `trim`, `{ truncate: 999 }` */
  usage: string;
  /** `say` is one item of `then`; a null means absent */
  examples: readonly { say: string; given: string; gives: string | null; refuses?: string }[];
  /** may give nothing although there was text */
  optional?: boolean;
  /** may stand without its option */
  bare?: boolean;
  /** JSON Schema of its option, for editors; absent where it takes none */
  option?: object;
  /** what a text is after the step */
  after(before: TextShape, option: number | string | undefined): TextShape;
  build(
    option: Tree | undefined,
    context: Context,
  ): { run(text: string): string | undefined; option?: number | string } | undefined;
}

/** For steps without an option. */
export function plain(run: (text: string) => string | undefined): TextStep['build'] {
  return (option, context) => (option ? context.findings.add(option.at, 'this step takes no option') : { run });
}

/** A whole number above 0 as the option. */
export function lengthOf(option: Tree | undefined, name: string, context: Context): number | undefined {
  if (
    option?.kind === 'scalar' &&
    typeof option.value === 'number' &&
    Number.isInteger(option.value) &&
    option.value > 0
  )
    return option.value;
  return context.findings.add(option?.at ?? { line: 1, column: 1 }, `${name} takes a length`, `{ ${name}: 40 }`);
}
