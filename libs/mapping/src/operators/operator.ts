import type { Context } from '../context.ts';
import type { Expression } from '../expression.ts';
import type { Mapping, Tree } from '../yaml.ts';

/** An operator in use: shown in the reference, run by the tests. The source is `EXAMPLE_SOURCE`. */
export interface Example {
  /** the field's YAML, e.g. `{ from: amount, decimal: { scale: 2, round: half-up } }` */
  say: string;
  /** the source record; fields not given are absent */
  given: Readonly<Record<string, unknown>>;
  /** the target's JSON; absent when nothing is written */
  gives?: unknown;
  /** the event is rejected with a reason that contains this */
  refuses?: string;
  /** the document carries a review reason that contains this */
  review?: string;
}

interface Declared {
  name: string;
  /** what goes in and what comes out, in the words of the reference */
  signature: string;
  /** one or two sentences for the reference */
  doc: string;
  /** further keys that may stand beside it */
  also?: readonly string[];
  examples: readonly Example[];
  /** JSON Schema of its value, for editors */
  editor: object;
}

/** Says where a value comes from; a field has exactly one. */
export interface SourceOperator extends Declared {
  role: 'source';
  build(node: Tree, field: Mapping, context: Context): Expression | undefined;
}

/** Changes the value; steps run in the order in which they are written. */
export interface StepOperator extends Declared {
  role: 'step';
  build(input: Expression, node: Tree, field: Mapping, context: Context): Expression | undefined;
}

/** Part of a field's form that the object builder handles: nested fields, lists, and what to do when there is no value. */
export interface FormOperator extends Declared {
  role: 'structure' | 'modifier';
}

export type Operator = SourceOperator | StepOperator | FormOperator;

/** Whether a value is known while the mapping runs, so that another can be made of it. A finding where delivery fills it in later. */
export function isKnown(value: Expression, node: Tree, operator: string, context: Context): boolean {
  if (!value.opens) return true;
  context.findings.add(
    node.at,
    `${operator} needs a value that is known here, but delivery fills this one in later`,
    'beside map and lookup, say unmapped: reject, or default',
  );
  return false;
}

/** The options of an operator as a mapping, each key known; findings for the rest. */
export function optionsOf(
  node: Tree,
  names: readonly string[],
  operator: string,
  context: Context,
): Mapping | undefined {
  if (node.kind !== 'mapping')
    return context.findings.add(node.at, `${operator} takes ${names.join(', ')}`, `${operator}: { ${names[0]}: ... }`);
  let good = true;
  for (const entry of node.entries)
    if (!names.includes(entry.key)) {
      context.findings.unknown(entry.keyAt, `${operator} has no option ${entry.key}`, entry.key, names);
      good = false;
    }
  return good ? node : undefined;
}
