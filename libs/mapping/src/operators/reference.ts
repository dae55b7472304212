import { recordKey } from '#contracts';
import { over } from '../expression.ts';
import { OPENED } from '../scope.ts';
import { describe } from '../shape.ts';
import type { StepOperator } from './operator.ts';

export const reference: StepOperator = {
  name: 'reference',
  role: 'step',
  signature: 'id of a canonical record -> open field',
  doc: "The target's id of that record, in the flow's own connection. Delivery fills it in; while the record is not there yet the document is held. `customer.billingAccount` names the document where an entity has several there.",
  examples: [
    {
      say: '{ from: customerId, reference: customer }',
      given: { customerId: 'C-1' },
      gives: { $reference: 'customer', of: 'C-1' },
    },
  ],
  editor: { type: 'string' },
  build(input, node, _field, context) {
    const name = node.kind === 'scalar' ? node.text : '';
    const entity = name.split('.')[0]!;
    if (!context.entities.has(entity))
      return context.findings.unknown(node.at, `there is no canonical entity ${entity}`, entity, context.entities);
    if (input.shape.kind !== 'text')
      return context.findings.add(node.at, `reference needs the id of a record, this is ${describe(input.shape)}`);
    if (input.entity !== undefined && input.entity !== entity)
      return context.findings.add(
        node.at,
        `this is an id of ${input.entity}, not of ${entity}`,
        `say reference: ${input.entity}`,
      );
    context.lineage.references.push({ name, at: node.at });
    return over(
      input,
      node.at,
      { kind: 'text' },
      (value, scope) => {
        const key = recordKey(scope.envelope.tenant, entity, value as string);
        const document = scope.references[name] ?? name.slice(entity.length + 1);
        scope.open.push({ pointer: scope.pointer + scope.at, reference: { document: document || entity, key } });
        return OPENED;
      },
      { opens: true, filled: true, whole: true },
    );
  },
};
