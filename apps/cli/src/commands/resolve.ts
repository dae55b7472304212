import { act } from './act.ts';
import { define, UsageError } from './define.ts';

export const command = define({
  name: 'resolve',
  usage: '<delivery id> --as applied|not-applied --reason "..." [--target-id id] [--dry-run]',
  summary: 'say what happened to a delivery in doubt, after looking into the target',
  texts: ['as', 'reason', 'target-id'],
  flags: ['dry-run'],
  run: async ({ words, text, flag, api, io, json }) => {
    const [id, ...more] = words;
    if (id === undefined || more.length > 0) throw new UsageError('say which delivery');
    const as = text('as');
    if (as !== 'applied' && as !== 'not-applied') throw new UsageError('--as is applied or not-applied');
    const reason = text('reason');
    if (reason === undefined) throw new UsageError('say with --reason what you saw');
    const path = `/api/v1/deliveries/${encodeURIComponent(id)}/resolve`;
    const body = { reason, as, targetId: text('target-id') };
    const what = `resolve delivery ${id} as ${as}`;
    return act([{ what, method: 'POST', path, body }], api, io, { json, dryRun: flag('dry-run') });
  },
});
