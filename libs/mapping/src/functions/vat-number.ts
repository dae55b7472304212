import type { NamedFunction } from './function.ts';

interface TaxId {
  scheme: string;
  value: string;
}

/** The VAT registration among the tax ids, without spaces, dots and dashes: the form of EN 16931, BT-31. */
export const vatNumber: NamedFunction = {
  name: 'vat-number',
  doc: 'the VAT registration among tax ids, without spaces, dots and dashes',
  input: {
    kind: 'list',
    item: {
      kind: 'record',
      open: true,
      fields: new Map(
        ['scheme', 'value'].map((name) => [
          name,
          { shape: { kind: 'text' }, optional: false, nullable: false, required: true },
        ]),
      ),
    },
  },
  output: { kind: 'text' },
  optional: true,
  examples: [
    { input: [{ scheme: 'eu-vat', value: 'DE 123 456 789' }], output: 'DE123456789' },
    { input: [{ scheme: 'us-ein', value: '12-3456789' }], output: undefined },
  ],
  run: (taxIds: readonly TaxId[]) =>
    taxIds
      .find((one) => /(^|-)vat$/i.test(one.scheme))
      ?.value.replaceAll(/[\s.-]/g, '')
      .toUpperCase(),
};
