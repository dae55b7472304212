import { plain } from './step.ts';
import type { TextStep } from './step.ts';

export const upper: TextStep = {
  name: 'upper',
  usage: 'upper',
  doc: "in capitals, by the rules of Unicode, whatever the machine's language",
  examples: [
    { say: 'upper', given: 'müller', gives: 'MÜLLER' },
    { say: 'upper', given: 'straße', gives: 'STRASSE' },
  ],
  after: ({ maxLength }) => ({ maxLength: maxLength === undefined ? undefined : maxLength * 3 }), // ΐ becomes three characters
  build: plain((text) => text.toUpperCase()),
};
