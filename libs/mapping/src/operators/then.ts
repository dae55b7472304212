import { over } from '../expression.ts';
import type { Expression } from '../expression.ts';
import { describe } from '../shape.ts';
import { TEXT_STEPS } from '../text/index.ts';
import type { Tree } from '../yaml.ts';
import type { Context } from '../context.ts';
import type { StepOperator } from './operator.ts';

export const then: StepOperator = {
  name: 'then',
  role: 'step',
  signature: 'text -> text',
  doc: 'Steps over text, one after another; they are listed below.',
  examples: [
    { say: '{ from: note, then: [trim, { truncate: 3 }] }', given: { note: '  abcdef ' }, gives: 'abc' },
    { say: '{ from: note, then: trim }', given: { note: '  ' } },
  ],
  editor: {
    anyOf: [{ $ref: '#/$defs/textStep' }, { type: 'array', minItems: 1, items: { $ref: '#/$defs/textStep' } }],
  },
  build(input, node, _field, context) {
    if (input.shape.kind !== 'text' && input.shape.kind !== 'enum')
      return context.findings.add(node.at, `then needs text, this is ${describe(input.shape)}`);
    const items = node.kind === 'list' ? node.items : [node];
    let expression: Expression | undefined = input;
    for (const item of items) expression = expression && textStep(expression, item, context);
    return expression;
  },
};

function textStep(input: Expression, node: Tree, context: Context): Expression | undefined {
  const single = node.kind === 'mapping' && node.entries.length === 1 ? node.entries[0] : undefined;
  const name = node.kind === 'scalar' ? node.text : single?.key;
  if (name === undefined)
    return context.findings.add(node.at, 'a step is a name, or a name with its option', '[trim, { truncate: 40 }]');
  const step = TEXT_STEPS.get(name);
  if (!step) return context.findings.unknown(node.at, `there is no text step ${name}`, name, TEXT_STEPS.keys());
  if (step.option && !step.bare && !single)
    return context.findings.add(node.at, `${name} needs its option`, step.usage);
  const built = step.build(single?.value, context);
  if (!built) return undefined;
  const before = input.shape;
  const maxLength =
    before.kind === 'text'
      ? before.maxLength
      : before.kind === 'enum'
        ? Math.max(...before.symbols.map((one) => one.length))
        : undefined;
  const shape = { kind: 'text', ...step.after({ maxLength }, built.option) } as const;
  return over(input, node.at, shape, (value) => built.run(value as string), {
    optional: input.optional || step.optional === true,
  });
}
