import { join } from '../literal.ts';
import { describe } from '../shape.ts';
import type { Shape } from '../shape.ts';
import type { SourceOperator } from './operator.ts';

export const coalesce: SourceOperator = {
  name: 'coalesce',
  role: 'source',
  signature: 'list of values of one kind -> the first that is there',
  doc: 'The first value that is neither absent nor cleared.',
  examples: [
    { say: '{ coalesce: [note, name] }', given: { name: 'Acme' }, gives: 'Acme' },
    { say: '{ coalesce: [note, { const: none }] }', given: {}, gives: 'none' },
  ],
  editor: { type: 'array', minItems: 2, items: { $ref: '#/$defs/value' } },
  build(node, _field, context) {
    if (node.kind !== 'list' || node.items.length < 2)
      return context.findings.add(node.at, 'coalesce takes a list of at least two values');
    const parts = node.items.map((item) => context.value(item, context));
    const known = parts.filter((part) => part !== undefined);
    if (known.length < parts.length) return undefined;
    let shape: Shape = known[0]!.shape;
    for (const part of known.slice(1)) {
      const joined = join(shape, part.shape);
      if (!joined)
        return context.findings.add(part.at, `this is ${describe(part.shape)}, the one before is ${describe(shape)}`);
      shape = joined;
    }
    return {
      shape,
      at: node.at,
      optional: known.every((part) => part.optional),
      reads: known.flatMap((part) => part.reads),
      constants: known.flatMap((part) => part.constants ?? []),
      opens: known.some((part) => part.opens),
      unrounded: known.some((part) => part.unrounded),
      whole: known.every((part) => part.whole),
      run: (scope) => {
        for (const part of known) {
          const value = part.run(scope);
          if (value !== undefined && value !== null) return value;
        }
        return undefined;
      },
    };
  },
};
