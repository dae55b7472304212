import { EXIT } from '../io.ts';
import { act } from './act.ts';
import { define, UsageError } from './define.ts';

export const command = define({
  name: 'replay',
  usage:
    '<event id>... | [--status DEAD] [--flow f] [--target t] [--error-class c] [--entity e] [--record-id id]  --reason "..." [--resend changed] [--dry-run]',
  summary: 'map events anew, after a mapping was corrected; what went through as it is stays as it is',
  texts: ['reason', 'status', 'flow', 'target', 'error-class', 'entity', 'record-id', 'resend'],
  flags: ['dry-run'],
  run: async ({ words, text, flag, api, io, json }) => {
    const selection = {
      status: text('status'),
      flow: text('flow'),
      target: text('target'),
      errorClass: text('error-class'),
      entity: text('entity'),
      recordId: text('record-id'),
    };
    const selected = Object.values(selection).some((part) => part !== undefined);
    if (words.length === 0 && !selected) throw new UsageError('say which events');
    if (words.length > 0 && selected) throw new UsageError('give event ids or a selection, not both');
    const resend = text('resend');
    if (resend !== undefined && resend !== 'changed') throw new UsageError('--resend is changed, or not there');
    const reason = text('reason') ?? (flag('dry-run') ? 'a dry run' : undefined);
    if (reason === undefined) throw new UsageError('say why with --reason');
    const body = { reason, resend, ...(words.length > 0 ? { events: words } : selection) };
    const path = '/api/v1/replays';
    if (!flag('dry-run'))
      return act([{ what: 'replay', method: 'POST', path, body }], api, io, { json, dryRun: false });
    const answer = await api.call<{ count: number; events: string[] }>('POST', path, { ...body, dryRun: true });
    if (json) io.out(JSON.stringify(answer.body));
    else io.out(`would replay ${answer.body.count} events`);
    return EXIT.ok;
  },
});
