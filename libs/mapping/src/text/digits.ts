import { plain } from './step.ts';
import type { TextStep } from './step.ts';

export const digits: TextStep = {
  name: 'digits',
  usage: 'digits',
  doc: 'only the digits 0 to 9; absent when there is none',
  examples: [
    { say: 'digits', given: 'DE 123-456', gives: '123456' },
    { say: 'digits', given: 'none', gives: null },
  ],
  optional: true,
  after: (before) => before,
  build: plain((text) => text.replaceAll(/[^0-9]/g, '') || undefined),
};
