import type { Command } from '../io.ts';
import { act } from './act.ts';
import { define, UsageError } from './define.ts';

/** `crossdock pause flow orders`, `crossdock resume connection main-erp` */
function switchCommand(verb: 'pause' | 'resume', summary: string): Command {
  return define({
    name: verb,
    usage: 'flow|connection <name> [--reason "..."] [--dry-run]',
    summary,
    texts: ['reason'],
    flags: ['dry-run'],
    run: async ({ words, text, flag, api, io, json }) => {
      const [kind, name, ...more] = words;
      if ((kind !== 'flow' && kind !== 'connection') || name === undefined || more.length > 0)
        throw new UsageError('say "flow" or "connection" and its name');
      const what = `${verb} ${kind} ${name}`;
      const path = `/api/v1/${kind}s/${encodeURIComponent(name)}/${verb}`;
      const body = { reason: text('reason') };
      return act([{ what, method: 'POST', path, body }], api, io, { json, dryRun: flag('dry-run') });
    },
  });
}

export const pause = switchCommand('pause', 'stop a flow or connection from starting anything');
export const resume = switchCommand('resume', 'let it go on');
