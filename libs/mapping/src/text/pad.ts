import { entryOf } from '../yaml.ts';
import { optionsOf } from '../operators/operator.ts';
import type { TextStep } from './step.ts';

export const pad: TextStep = {
  name: 'pad',
  usage: '{ pad: { length: 10, with: "0", side: left } }',
  doc: 'filled up to a length, at the left or right, with a character; longer text stays as it is',
  option: {
    type: 'object',
    required: ['length', 'with'],
    properties: {
      length: { type: 'integer', minimum: 1 },
      with: { type: 'string' },
      side: { enum: ['left', 'right'] },
    },
    additionalProperties: false,
  },
  examples: [
    { say: '{ pad: { length: 6, with: "0" } }', given: '42', gives: '000042' },
    { say: '{ pad: { length: 4, with: ".", side: right } }', given: 'ab', gives: 'ab..' },
  ],
  after: ({ maxLength }, option) => ({
    maxLength: maxLength === undefined ? undefined : Math.max(maxLength, Number(option)),
  }),
  build(node, context) {
    const options = node && optionsOf(node, ['length', 'with', 'side'], 'pad', context);
    if (!options) return undefined;
    const [length, fill, side] = ['length', 'with', 'side'].map((name) => entryOf(options, name)?.value);
    const size = length?.kind === 'scalar' && typeof length.value === 'number' ? length.value : 0;
    const text = fill?.kind === 'scalar' ? fill.text : '';
    const where = side?.kind === 'scalar' ? side.text : 'left';
    if (
      !Number.isInteger(size) ||
      size < 1 ||
      [...text].length !== 1 ||
      text.length !== 1 ||
      (where !== 'left' && where !== 'right')
    )
      return context.findings.add(
        options.at,
        'pad needs a length, one character to fill with, and left or right',
        pad.usage,
      );
    return {
      option: size,
      run: where === 'left' ? (one) => one.padStart(size, text) : (one) => one.padEnd(size, text),
    };
  },
};
