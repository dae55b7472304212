import { plain } from './step.ts';
import type { TextStep } from './step.ts';

export const trim: TextStep = {
  name: 'trim',
  usage: 'trim',
  doc: 'without white space at both ends; absent when nothing is left',
  examples: [
    { say: 'trim', given: '  a b ', gives: 'a b' },
    { say: 'trim', given: '   ', gives: null },
  ],
  optional: true,
  after: (before) => before,
  build: plain((text) => text.trim() || undefined),
};
