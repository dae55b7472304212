import { over } from '../expression.ts';
import { OPENED } from '../scope.ts';
import { describe } from '../shape.ts';
import type { StepOperator } from './operator.ts';

export const values: StepOperator = {
  name: 'values',
  role: 'step',
  signature: 'text or enum -> open field',
  doc: 'A value map that people fill in the console, by its name; several mappings may share one. Delivery fills the field in; while the value is missing the document is held.',
  examples: [
    {
      say: '{ from: name, values: payment-terms }',
      given: { name: 'NET30' },
      gives: { $values: 'payment-terms', from: 'NET30' },
    },
  ],
  editor: { type: 'string', pattern: '^[a-z0-9][a-z0-9.-]*$' },
  build(input, node, _field, context) {
    const set = node.kind === 'scalar' ? node.text : '';
    if (!/^[a-z0-9][a-z0-9.-]*$/.test(set))
      return context.findings.add(
        node.at,
        'values takes the name of a value map',
        'small letters, digits, dots and dashes',
      );
    if (input.shape.kind !== 'text' && input.shape.kind !== 'enum')
      return context.findings.add(node.at, `values needs text, this is ${describe(input.shape)}`);
    context.lineage.sets.add(set);
    return over(
      input,
      node.at,
      { kind: 'text' },
      (value, scope) => {
        scope.open.push({ pointer: scope.pointer + scope.at, values: { set, from: value as string } });
        return OPENED;
      },
      { opens: true, filled: true, whole: true },
    );
  },
};
