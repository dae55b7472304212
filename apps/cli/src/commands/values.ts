import { EXIT } from '../io.ts';
import { act } from './act.ts';
import { define, query, UsageError } from './define.ts';
import { counted, moment, table } from './text.ts';

interface ValueMap {
  set: string;
  connection: string;
  values: Record<string, string>;
  open: { from: string; waiting: number; since: string }[];
}

export const command = define({
  name: 'values',
  usage: '<set> [--connection c] [<from>=<to>...] [--reason "..."] [--dry-run]',
  summary: 'show or fill a value map; filling releases what waits for it',
  texts: ['connection', 'reason'],
  flags: ['dry-run'],
  run: async ({ words, text, flag, api, io, json }) => {
    const [set, ...pairs] = words;
    if (set === undefined) throw new UsageError('say which set');
    const path = `/api/v1/value-maps/${encodeURIComponent(set)}${query({ connection: text('connection') })}`;
    if (pairs.length > 0) {
      const values = Object.fromEntries(pairs.map(pairOf));
      const what = `fill ${counted(pairs.length, 'value', 'values')} of ${set}`;
      const body = { values, reason: text('reason') };
      return act([{ what, method: 'PUT', path, body }], api, io, { json, dryRun: flag('dry-run') });
    }
    const map = await api.get<ValueMap>(path);
    if (json) io.out(JSON.stringify(map));
    else for (const line of mapText(map)) io.out(line);
    return EXIT.ok;
  },
});

/** The last `=` parts them: what a source says may hold one. */
function pairOf(text: string): [string, string] {
  const at = text.lastIndexOf('=');
  if (at < 1 || at === text.length - 1) throw new UsageError(`"${text}" is not from=to`);
  return [text.slice(0, at), text.slice(at + 1)];
}

function mapText({ set, values, open }: ValueMap): string[] {
  const rows = [
    ...Object.entries(values).map(([from, to]) => [from, to, '']),
    ...open.map(({ from, waiting, since }) => [
      from,
      '?',
      `${counted(waiting, 'delivery waits', 'deliveries wait')} since ${moment(since)}`,
    ]),
  ];
  return rows.length === 0 ? [`nothing is known of ${set}`] : table(['from', 'to', ''], rows);
}
