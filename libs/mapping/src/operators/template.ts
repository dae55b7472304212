import { pathExpression } from '../path.ts';
import { describe } from '../shape.ts';
import { variableExpression } from '../variable.ts';
import type { SourceOperator } from './operator.ts';
import { textOf } from './text-of.ts';
import type { TextExpression } from './text-of.ts';

export const template: SourceOperator = {
  name: 'template',
  role: 'source',
  signature: 'text with {paths} -> text',
  doc: 'Text with the values of paths and variables in it. It is taken apart when the mapping is read, so a value never becomes part of the language. Absent when one of the values is; `{{` writes a brace.',
  examples: [
    { say: '{ template: "Order {name} ({kind})" }', given: { name: '4711', kind: 'A' }, gives: 'Order 4711 (A)' },
    { say: '{ template: "Order {note}" }', given: {} },
    { say: '{ template: "{{{name}" }', given: { name: '{name}' }, gives: '{{name}' },
  ],
  editor: { type: 'string' },
  build(node, _field, context) {
    if (node.kind !== 'scalar' || typeof node.value !== 'string')
      return context.findings.add(node.at, 'template takes text with {paths}');
    const parts: (string | TextExpression)[] = [];
    let good = true;
    for (const piece of node.value.match(/\{\{|\{[^{}]*\}|[^{]+|\{/g) ?? []) {
      if (piece === '{{') parts.push('{');
      else if (!piece.startsWith('{')) parts.push(piece);
      else if (piece === '{') {
        context.findings.add(node.at, 'template: a brace is not closed', 'a brace itself is written {{');
        good = false;
      } else {
        const name = piece.slice(1, -1).trim();
        const variable = name.startsWith('$') && !name.startsWith('$record.');
        const value = (variable ? variableExpression : pathExpression)(name, node.at, context);
        const text = value && textOf(value);
        if (value && !text) context.findings.add(node.at, `template needs text, ${name} is ${describe(value.shape)}`);
        if (text) parts.push(text);
        else good = false;
      }
    }
    if (!good) return undefined;
    const values = parts.filter((part) => typeof part !== 'string');
    return {
      shape: { kind: 'text' },
      at: node.at,
      optional: values.some((part) => part.optional),
      reads: values.flatMap((part) => part.reads),
      run: (scope) => {
        let text = '';
        for (const part of parts) {
          const piece = typeof part === 'string' ? part : part.run(scope);
          if (piece === undefined) return undefined;
          text += piece;
        }
        return text;
      },
    };
  },
};
