import { describe } from '../shape.ts';
import { entryOf } from '../yaml.ts';
import { textOf } from './text-of.ts';
import { isKnown } from './operator.ts';
import type { SourceOperator } from './operator.ts';

export const concat: SourceOperator = {
  name: 'concat',
  role: 'source',
  signature: 'list of texts -> text',
  doc: 'The texts one after another, with `separator` between them; what is absent is skipped, separator included.',
  also: ['separator'],
  examples: [
    { say: '{ concat: [name, note], separator: ", " }', given: { name: 'Acme', note: 'north' }, gives: 'Acme, north' },
    { say: '{ concat: [name, note], separator: ", " }', given: { name: 'Acme' }, gives: 'Acme' },
    { say: '{ concat: [name, { const: "!" }] }', given: { name: 'Acme' }, gives: 'Acme!' },
  ],
  editor: { type: 'array', minItems: 2, items: { $ref: '#/$defs/value' } },
  build(node, field, context) {
    if (node.kind !== 'list' || node.items.length < 2)
      return context.findings.add(node.at, 'concat takes a list of at least two texts');
    const separatorNode = entryOf(field, 'separator')?.value;
    if (separatorNode && (separatorNode.kind !== 'scalar' || typeof separatorNode.value !== 'string'))
      return context.findings.add(separatorNode.at, 'separator takes text');
    const separator = separatorNode?.kind === 'scalar' ? separatorNode.text : '';
    const parts = node.items.map((item) => {
      const part = context.value(item, context);
      if (part && !isKnown(part, item, 'concat', context)) return undefined;
      const text = part && textOf(part);
      if (part && !text) return context.findings.add(item.at, `concat needs text, this is ${describe(part.shape)}`);
      return text;
    });
    const known = parts.filter((part) => part !== undefined);
    if (known.length < parts.length) return undefined;
    return {
      shape: { kind: 'text' },
      at: node.at,
      optional: known.every((part) => part.optional),
      reads: known.flatMap((part) => part.reads),
      run: (scope) => {
        let joined: string | undefined;
        for (const part of known) {
          const text = part.run(scope);
          if (text !== undefined) joined = joined === undefined ? text : joined + separator + text;
        }
        return joined;
      },
    };
  },
};
