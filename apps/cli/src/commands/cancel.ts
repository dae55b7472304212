import { act } from './act.ts';
import { define, UsageError } from './define.ts';

export const command = define({
  name: 'cancel',
  usage: '<delivery id>... --reason "..." [--dry-run]',
  summary: 'give a delivery up: it is never sent, and what waits behind it goes on',
  texts: ['reason'],
  flags: ['dry-run'],
  run: async ({ words, text, flag, api, io, json }) => {
    if (words.length === 0) throw new UsageError('say which deliveries');
    const reason = text('reason');
    if (reason === undefined && !flag('dry-run')) throw new UsageError('say why with --reason');
    const acts = words.map((id) => ({
      what: `cancel delivery ${id}`,
      method: 'POST' as const,
      path: `/api/v1/deliveries/${encodeURIComponent(id)}/cancel`,
      body: { reason },
    }));
    return act(acts, api, io, { json, dryRun: flag('dry-run') });
  },
});
