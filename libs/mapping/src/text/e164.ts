import type { TextStep } from './step.ts';

/** Country calling codes and the prefix that is dropped before them when a number is written for use inside the country. */
const CALLING: Readonly<Record<string, readonly [code: string, trunk: string]>> = {
  AT: ['43', '0'],
  AU: ['61', '0'],
  BE: ['32', '0'],
  BR: ['55', '0'],
  CA: ['1', '1'],
  CH: ['41', '0'],
  CN: ['86', '0'],
  CZ: ['420', ''],
  DE: ['49', '0'],
  DK: ['45', ''],
  ES: ['34', ''],
  FI: ['358', '0'],
  FR: ['33', '0'],
  GB: ['44', '0'],
  IE: ['353', '0'],
  IN: ['91', '0'],
  IT: ['39', ''],
  JP: ['81', '0'],
  LU: ['352', ''],
  MX: ['52', ''],
  NL: ['31', '0'],
  NO: ['47', ''],
  PL: ['48', ''],
  PT: ['351', ''],
  SE: ['46', '0'],
  US: ['1', '1'],
};

export const e164: TextStep = {
  name: 'e164',
  usage: '{ e164: DE }',
  doc: 'a telephone number in the form +49301234567 (ITU-T E.164); numbers without a country code are of the country named, and without `{ e164: DE }` none; absent when it is no such number',
  option: { enum: Object.keys(CALLING) },
  examples: [
    { say: '{ e164: DE }', given: '030 / 12 34-567', gives: '+49301234567' },
    { say: '{ e164: DE }', given: '0043 1 234567', gives: '+431234567' },
    { say: '{ e164: DE }', given: '+44 (0)20 7946 0000', gives: '+442079460000' },
    { say: '{ e164: US }', given: '(212) 555-0100', gives: '+12125550100' },
    { say: 'e164', given: '+49 30 1234567', gives: '+49301234567' },
    { say: 'e164', given: '030 1234567', gives: null },
    { say: '{ e164: DE }', given: 'ask Ann', gives: null },
  ],
  optional: true,
  bare: true,
  after: () => ({ maxLength: 16 }),
  build(node, context) {
    if (!node) return { run: (text) => toE164(text, undefined, '') };
    const country = node.kind === 'scalar' ? node.text : '';
    const calling = Object.hasOwn(CALLING, country) ? CALLING[country] : undefined;
    if (!calling)
      return context.findings.unknown(
        node.at,
        'e164 takes the country of numbers without a code',
        country,
        Object.keys(CALLING),
      );
    return { run: (text) => toE164(text, calling[0], calling[1]) };
  },
};

function toE164(text: string, code: string | undefined, trunk: string): string | undefined {
  if (/[\p{L}]/u.test(text)) return undefined;
  const international = /^\s*(?:\+|00)/.test(text);
  if (!international && code === undefined) return undefined;
  const number = text
    .replace(/^\s*00/, '')
    .replace('(0)', '')
    .replaceAll(/[^0-9]/g, '');
  const national = trunk !== '' && number.startsWith(trunk) ? number.slice(trunk.length) : number;
  const full = international ? number : code + national;
  return /^[1-9]\d{6,14}$/.test(full) ? `+${full}` : undefined;
}
