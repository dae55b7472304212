import { COUNTRIES } from './countries.ts';
import type { Country } from './countries.ts';
import type { TextStep } from './step.ts';

const FORMS = ['alpha-2', 'alpha-3', 'numeric'];

export const country: TextStep = {
  name: 'country',
  usage: '{ country: alpha-3 }',
  doc: 'a country code (ISO 3166-1, any of its three forms) in the form named: alpha-2 (unless said otherwise), alpha-3 or numeric; absent when there is no such country',
  option: { enum: FORMS },
  examples: [
    { say: '{ country: alpha-3 }', given: 'DE', gives: 'DEU' },
    { say: '{ country: alpha-2 }', given: 'usa', gives: 'US' },
    { say: 'country', given: 'AUT', gives: 'AT' },
    { say: '{ country: numeric }', given: 'AT', gives: '040' },
    { say: '{ country: alpha-2 }', given: 'Atlantis', gives: null },
  ],
  optional: true,
  bare: true,
  after: (_before, option) => ({ maxLength: option === 'alpha-2' ? 2 : 3 }),
  build(node, context) {
    const form = node === undefined ? 'alpha-2' : node.kind === 'scalar' ? node.text : '';
    if (!FORMS.includes(form))
      return context.findings.unknown(
        node?.at ?? { line: 1, column: 1 },
        'country takes the form of the code',
        form,
        FORMS,
      );
    return { option: form, run: (text) => COUNTRIES.get(text.trim().toUpperCase())?.[form as keyof Country] };
  },
};
