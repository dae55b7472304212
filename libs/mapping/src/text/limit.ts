import { Refusal } from '../scope.ts';
import { lengthOf } from './step.ts';
import type { TextStep } from './step.ts';

export const limit: TextStep = {
  name: 'limit',
  usage: '{ limit: 40 }',
  doc: 'refuses the event when the text is longer; for ids and codes, which must not be cut',
  option: { type: 'integer', minimum: 1 },
  examples: [
    { say: '{ limit: 3 }', given: 'abc', gives: 'abc' },
    { say: '{ limit: 3 }', given: 'abcd', gives: null, refuses: 'longer than 3' },
  ],
  after: ({ maxLength }, option) => ({ maxLength: Math.min(maxLength ?? Number(option), Number(option)) }),
  build(node, context) {
    const length = lengthOf(node, 'limit', context);
    if (length === undefined) return undefined;
    return {
      option: length,
      run: (text) => {
        if (text.length > length && [...text].length > length)
          throw new Refusal(`the text is longer than ${length} characters`);
        return text;
      },
    };
  },
};
