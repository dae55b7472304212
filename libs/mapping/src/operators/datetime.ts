import { instantOf } from '#schema';
import { over } from '../expression.ts';
import { isoOf } from '../iso.ts';
import { Refusal } from '../scope.ts';
import { describe } from '../shape.ts';
import { entryOf } from '../yaml.ts';
import { offsetAt } from '../zone.ts';
import { zoneOf } from './date.ts';
import { optionsOf } from './operator.ts';
import type { StepOperator } from './operator.ts';

export const datetime: StepOperator = {
  name: 'datetime',
  role: 'step',
  signature: 'instant -> text with offset, in a zone; text -> instant',
  doc: 'An instant as ISO 8601 with the offset of `zone`, UTC where none is named. Text is read as ISO 8601; where it has no offset, `zone` says whose wall clock it is.',
  examples: [
    {
      say: '{ from: moment, datetime: { zone: Europe/Berlin } }',
      given: { moment: '2026-07-01T10:00:00.000Z' },
      gives: '2026-07-01T12:00:00.000+02:00',
    },
    {
      say: '{ from: note, datetime: { zone: Europe/Berlin } }',
      given: { note: '2026-07-01 12:00' },
      gives: '2026-07-01T10:00:00.000Z',
    },
    { say: '{ from: note, datetime: { zone: UTC } }', given: { note: 'noon' }, refuses: 'not an ISO 8601' },
  ],
  editor: { type: 'object', properties: { zone: { type: 'string' } }, additionalProperties: false },
  build(input, node, _field, context) {
    const options = optionsOf(node, ['zone'], 'datetime', context);
    if (!options) return undefined;
    const zoneNode = entryOf(options, 'zone')?.value;
    const zone = zoneNode || input.shape.kind !== 'instant' ? zoneOf(zoneNode, node, context) : () => 'UTC';
    if (!zone) return undefined;
    if (input.shape.kind === 'instant')
      return over(input, node.at, { kind: 'text', format: 'date-time', maxLength: 29 }, (value, scope) =>
        withOffset(zone(scope), value as Date),
      );
    if (input.shape.kind === 'text')
      return over(input, node.at, { kind: 'instant' }, (value, scope) => {
        const instant = instantOf(value as string, zone(scope));
        if (instant === undefined) throw new Refusal('the text is not an ISO 8601 time');
        return instant;
      });
    return context.findings.add(node.at, `datetime needs an instant or text, this is ${describe(input.shape)}`);
  },
};

function withOffset(zone: string, instant: Date): string {
  const at = instant.getTime();
  const minutes = Math.round(offsetAt(zone, at) / 60_000);
  const size = Math.abs(minutes);
  const two = (value: number): string => String(value).padStart(2, '0');
  const offset = `${minutes < 0 ? '-' : '+'}${two(Math.floor(size / 60))}:${two(size % 60)}`;
  return isoOf(at + minutes * 60_000).replace('Z', offset);
}
