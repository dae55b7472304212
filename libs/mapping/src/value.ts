import { conditionOf } from './condition.ts';
import type { Context } from './context.ts';
import type { Expression } from './expression.ts';
import { join, literalOf } from './literal.ts';
import { OPERATORS, SOURCES, STEPS, WORDS } from './operators/index.ts';
import { pathExpression } from './path.ts';
import { describe } from './shape.ts';
import { variableExpression } from './variable.ts';
import { entryOf } from './yaml.ts';
import type { Entry, Mapping, Tree } from './yaml.ts';

/** What may stand beside the operators of any value. */
const ALWAYS = ['default', 'when', 'else'];

/** An expression as it is written anywhere in a mapping: a bare path or variable, or a mapping of one source operator and steps. */
export function valueOf(node: Tree, context: Context): Expression | undefined {
  return build(node, context, []);
}

/** The same for a field of the target, beside which `missing`, `on`, `equals` and `within` may stand. */
export function fieldValueOf(node: Tree, context: Context): Expression | undefined {
  return build(node, context, ['missing', 'on', 'equals', 'within']);
}

function build(node: Tree, context: Context, beside: readonly string[]): Expression | undefined {
  if (node.kind === 'list')
    return context.findings.add(
      node.at,
      'a list cannot stand here',
      'each: for a list of the source, list: for written items',
    );
  if (node.kind === 'scalar') {
    if (typeof node.value !== 'string' || node.value === '')
      return context.findings.add(
        node.at,
        `${node.text || 'nothing'} is not a path`,
        `a constant is { const: ${node.text || '...'} }`,
      );
    if (node.value.startsWith('$') && !node.value.startsWith('$record.'))
      return variableExpression(node.value, node.at, context);
    return pathExpression(node.value, node.at, context);
  }
  return fromMapping(node, context, beside);
}

function fromMapping(node: Mapping, context: Context, beside: readonly string[]): Expression | undefined {
  const sources = node.entries.filter((entry) => SOURCES.has(entry.key));
  const steps = node.entries.filter((entry) => STEPS.has(entry.key));
  if (!knownKeys(node, [...sources, ...steps], context, beside)) return undefined;
  if (sources.length === 0)
    return context.findings.add(
      node.at,
      'nothing says where the value comes from',
      `add one of ${[...SOURCES.keys()].join(', ')}`,
    );
  if (sources.length > 1)
    return context.findings.add(
      sources[1]!.keyAt,
      `${sources[0]!.key} and ${sources[1]!.key} both say where the value comes from`,
      'keep one',
    );

  let expression = SOURCES.get(sources[0]!.key)!.build(sources[0]!.value, node, context);
  const otherwise = entryOf(node, 'default');
  for (const [index, step] of steps.entries()) {
    if (!expression) return undefined;
    if (expression.opens)
      return context.findings.add(
        step.keyAt,
        `${step.key} cannot follow ${steps[index - 1]?.key ?? 'this'}: delivery fills the value in later`,
      );
    const isRounding = step.key === 'decimal';
    if (expression.unrounded && !isRounding)
      return context.findings.add(
        step.keyAt,
        'the digits of this product are not bounded',
        'put decimal: { scale: 2, round: half-up } first',
      );
    if (isRounding && otherwise) expression = withDefault(expression, otherwise, context);
    expression = expression && STEPS.get(step.key)!.build(expression, step.value, node, context);
  }
  if (expression && otherwise) expression = withDefault(expression, otherwise, context);
  return expression && conditional(expression, node, context);
}

/** Each key is an operator or belongs to one that is there; the rest is a finding with the closest word. */
function knownKeys(node: Mapping, used: readonly Entry[], context: Context, beside: readonly string[]): boolean {
  const names = new Set(used.map((entry) => entry.key));
  const companions = OPERATORS.filter((one) => names.has(one.name)).flatMap((one) => one.also ?? []);
  const allowed = new Set([...SOURCES.keys(), ...STEPS.keys(), ...ALWAYS, ...beside, ...companions]);
  let good = true;
  for (const entry of node.entries) {
    if (allowed.has(entry.key)) continue;
    if (WORDS.has(entry.key)) {
      const owner = OPERATORS.find((one) => one.also?.includes(entry.key));
      context.findings.add(entry.keyAt, `${entry.key} cannot stand here`, owner && `it belongs to ${owner.name}`);
    } else
      context.findings.unknown(entry.keyAt, `unknown operator ${entry.key}`, entry.key, [
        ...SOURCES.keys(),
        ...STEPS.keys(),
        ...ALWAYS,
        ...beside,
      ]);
    good = false;
  }
  return good;
}

function withDefault(input: Expression, entry: Entry, context: Context): Expression | undefined {
  if (!input.optional) return input;
  const variable = entry.value.kind === 'scalar' && entry.value.text.startsWith('$');
  const other = variable
    ? variableExpression(entry.value.kind === 'scalar' ? entry.value.text : '', entry.value.at, context)
    : literalOf(input.shape, entry.value, 'default', context);
  if (!other) return undefined;
  const shape = join(input.shape, other.shape);
  if (!shape)
    return context.findings.add(
      entry.value.at,
      `default: ${describe(input.shape)} is wanted here, not ${describe(other.shape)}`,
    );
  const before = input.run;
  const fallback = other.run;
  return {
    ...input,
    shape: input.fixed === undefined ? shape : input.shape,
    optional: false,
    constants: [...(input.constants ?? []), ...(other.constants ?? [])],
    run: (scope) => before(scope) ?? fallback(scope),
  };
}

/** `when` and `else`. */
function conditional(input: Expression, node: Mapping, context: Context): Expression | undefined {
  const whenEntry = entryOf(node, 'when');
  const elseEntry = entryOf(node, 'else');
  if (!whenEntry) {
    if (elseEntry) return context.findings.add(elseEntry.keyAt, 'else without when', 'add when: { ... }');
    return input;
  }
  const condition = conditionOf(whenEntry.value, context);
  const other = elseEntry && context.value(elseEntry.value, context);
  if (!condition || (elseEntry && !other)) return undefined;
  const shape = other ? join(input.shape, other.shape) : input.shape;
  if (!shape)
    return context.findings.add(
      elseEntry!.value.at,
      `else gives ${describe(other!.shape)}, but the value is ${describe(input.shape)}`,
    );
  const both = other ? [input, other] : [input];
  return {
    ...input,
    shape,
    optional: other ? input.optional || other.optional : true,
    reads: [...condition.reads, ...both.flatMap((one) => one.reads)],
    constants: both.flatMap((one) => one.constants ?? []),
    opens: both.some((one) => one.opens),
    unrounded: both.some((one) => one.unrounded),
    whole: both.every((one) => one.whole),
    fixed: both.every((one) => one.fixed === input.fixed) ? input.fixed : undefined,
    run: (scope) => (condition.test(scope) ? input.run(scope) : other?.run(scope)),
  };
}
