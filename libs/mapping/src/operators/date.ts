import type { Context } from '../context.ts';
import { over } from '../expression.ts';
import { isoOf } from '../iso.ts';
import { Refusal } from '../scope.ts';
import type { Scope } from '../scope.ts';
import { describe } from '../shape.ts';
import { entryOf } from '../yaml.ts';
import type { Tree } from '../yaml.ts';
import { isZone, offsetAt } from '../zone.ts';
import { optionsOf } from './operator.ts';
import type { StepOperator } from './operator.ts';
import { parseDate } from './date-format.ts';

export const date: StepOperator = {
  name: 'date',
  role: 'step',
  signature: 'instant -> date, in a zone; text in a format -> date',
  doc: "The business date of an instant in `zone`: `$zone` is the source connection's, or an IANA name. For text, `format` of YYYY, MM, DD and separators.",
  examples: [
    {
      say: '{ from: moment, date: { zone: Europe/Berlin } }',
      given: { moment: '2026-03-28T23:30:00.000Z' },
      gives: '2026-03-29',
    },
    {
      say: '{ from: moment, date: { zone: $zone } }',
      given: { moment: '2026-03-28T23:30:00.000Z' },
      gives: '2026-03-28',
    },
    { say: '{ from: note, date: { format: DD.MM.YYYY } }', given: { note: '05.11.2026' }, gives: '2026-11-05' },
    { say: '{ from: note, date: { format: DD.MM.YYYY } }', given: { note: '31.02.2026' }, refuses: 'not a date' },
  ],
  editor: {
    type: 'object',
    properties: { zone: { type: 'string' }, format: { type: 'string' } },
    additionalProperties: false,
  },
  build(input, node, _field, context) {
    const options = optionsOf(node, ['zone', 'format'], 'date', context);
    if (!options) return undefined;
    const shape = { kind: 'date' } as const;
    if (input.shape.kind === 'instant') {
      const zone = zoneOf(entryOf(options, 'zone')?.value, node, context);
      return zone && over(input, node.at, shape, (value, scope) => dateIn(zone(scope), value as Date));
    }
    if (input.shape.kind === 'date') return { ...input, at: node.at };
    if (input.shape.kind === 'text') {
      const formatNode = entryOf(options, 'format')?.value;
      const format = formatNode?.kind === 'scalar' ? formatNode.text : '';
      if (!/YYYY/.test(format) || !/MM/.test(format) || !/DD/.test(format))
        return context.findings.add(
          formatNode?.at ?? node.at,
          'date: text needs a format',
          'date: { format: DD.MM.YYYY }',
        );
      return over(input, node.at, shape, (value) => {
        const parsed = parseDate(value as string, format);
        if (parsed === undefined) throw new Refusal(`the text is not a date of format ${format}`);
        return parsed;
      });
    }
    return context.findings.add(node.at, `date needs an instant or text, this is ${describe(input.shape)}`);
  },
};

/** The zone an option names: `$zone`, or an IANA name that exists. */
export function zoneOf(node: Tree | undefined, at: Tree, context: Context): ((scope: Scope) => string) | undefined {
  if (node?.kind !== 'scalar' || typeof node.value !== 'string')
    return context.findings.add(node?.at ?? at.at, 'say in which zone', 'zone: $zone, or zone: Europe/Berlin');
  const name = node.value;
  if (name === '$zone') return (scope) => scope.zone;
  if (!isZone(name))
    return context.findings.add(node.at, `there is no zone ${name}`, 'a name like Europe/Berlin, or $zone');
  return () => name;
}

function dateIn(zone: string, instant: Date): string {
  const at = instant.getTime();
  return dateOfDay(Math.floor((at + offsetAt(zone, at)) / DAY));
}

const DAY = 86_400_000;
const KEPT = 1024;
const days = new Map<number, string>();

/** Orders close on few different days, and writing a date is dear. */
function dateOfDay(day: number): string {
  let text = days.get(day);
  if (text !== undefined) return text;
  if (days.size >= KEPT) days.clear();
  text = isoOf(day * DAY).slice(0, 10);
  days.set(day, text);
  return text;
}
