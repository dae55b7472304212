import { plain } from './step.ts';
import type { TextStep } from './step.ts';

export const lower: TextStep = {
  name: 'lower',
  usage: 'lower',
  doc: 'in small letters, by the rules of Unicode',
  examples: [{ say: 'lower', given: 'Ann@ACME.example', gives: 'ann@acme.example' }],
  after: ({ maxLength }) => ({ maxLength: maxLength === undefined ? undefined : maxLength * 2 }), // İ becomes two characters
  build: plain((text) => text.toLowerCase()),
};
