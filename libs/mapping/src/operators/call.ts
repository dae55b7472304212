import { over } from '../expression.ts';
import { describe } from '../shape.ts';
import type { StepOperator } from './operator.ts';

export const call: StepOperator = {
  name: 'call',
  role: 'step',
  signature: 'as the function says',
  doc: 'A named TypeScript function of `libs/mapping/src/functions/`, for what the language cannot say. It is pure; a folder of mappings adds none.',
  examples: [
    {
      say: '{ from: taxIds, call: vat-number }',
      given: { taxIds: [{ scheme: 'eu-vat', value: 'DE 123456789' }] },
      gives: 'DE123456789',
    },
    { say: '{ from: taxIds, call: vat-number }', given: { taxIds: [] } },
  ],
  editor: { type: 'string' },
  build(input, node, _field, context) {
    const name = node.kind === 'scalar' ? node.text : '';
    const one = context.functions.get(name);
    if (!one) return context.findings.unknown(node.at, `there is no function ${name}`, name, context.functions.keys());
    if (input.shape.kind !== one.input.kind)
      return context.findings.add(node.at, `${name} takes ${describe(one.input)}, this is ${describe(input.shape)}`);
    return over(input, node.at, one.output, (value) => one.run(value as never), {
      optional: input.optional || one.optional,
    });
  },
};
