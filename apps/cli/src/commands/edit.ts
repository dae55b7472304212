import { readFileSync } from 'node:fs';
import { EXIT } from '../io.ts';
import { act } from './act.ts';
import { define, UsageError } from './define.ts';

export const command = define({
  name: 'edit',
  usage: '<delivery id> [--file document.json --reason "..."] [--dry-run]',
  summary: 'show the document of a delivery, or send the one in a file instead',
  texts: ['file', 'reason'],
  flags: ['dry-run'],
  run: async ({ words, text, flag, api, io, json }) => {
    const [id, ...more] = words;
    if (id === undefined || more.length > 0) throw new UsageError('say which delivery');
    const path = `/api/v1/deliveries/${encodeURIComponent(id)}`;
    const file = text('file');
    if (file === undefined) {
      io.out(await api.text(`${path}/document`));
      return EXIT.ok;
    }
    const reason = text('reason');
    if (reason === undefined) throw new UsageError('say why with --reason');
    // as text: no digit of an amount passes through a JavaScript number
    const body = { exactly: `{"reason":${JSON.stringify(reason)},"document":${read(file)}}` };
    const what = `edit delivery ${id}`;
    return act([{ what, method: 'POST', path: `${path}/edit`, body }], api, io, { json, dryRun: flag('dry-run') });
  },
});

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8').trim() || '{}';
  } catch (cause) {
    throw new UsageError(`${file} cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`);
  }
}
