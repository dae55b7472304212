import { lengthOf } from './step.ts';
import type { TextStep } from './step.ts';

export const truncate: TextStep = {
  name: 'truncate',
  usage: '{ truncate: 3 }',
  doc: 'the first so many characters (code points, as JSON Schema counts them; none is cut in half)',
  option: { type: 'integer', minimum: 1 },
  examples: [
    { say: '{ truncate: 3 }', given: 'abcd', gives: 'abc' },
    { say: '{ truncate: 2 }', given: 'a😀b', gives: 'a😀' },
  ],
  after: ({ maxLength }, option) => ({ maxLength: Math.min(maxLength ?? Number(option), Number(option)) }),
  build(node, context) {
    const length = lengthOf(node, 'truncate', context);
    return length === undefined ? undefined : { option: length, run: (text) => cut(text, length) };
  },
};

function cut(text: string, length: number): string {
  return text.length <= length ? text : [...text].slice(0, length).join('');
}
