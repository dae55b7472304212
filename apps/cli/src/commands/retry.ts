import { EXIT } from '../io.ts';
import { act } from './act.ts';
import type { Api } from './api.ts';
import { define, query, UsageError } from './define.ts';
import type { Delivery } from './shapes.ts';

export const command = define({
  name: 'retry',
  usage:
    '<delivery id>... | --status DEAD [--flow f] [--target t] [--error-class c] [--record-id id]  --reason "..." [--dry-run]',
  summary: 'send again what is dead, parked or held; by id or by selection',
  texts: ['reason', 'status', 'flow', 'target', 'error-class', 'record-id'],
  flags: ['dry-run'],
  run: async ({ words, text, flag, api, io, json }) => {
    const selection = {
      status: text('status'),
      flow: text('flow'),
      target: text('target'),
      errorClass: text('error-class'),
      recordId: text('record-id'),
    };
    const selected = Object.values(selection).some((part) => part !== undefined);
    if (words.length === 0 && !selected) throw new UsageError('say which deliveries');
    if (words.length > 0 && selected) throw new UsageError('give ids or a selection, not both');
    const reason = text('reason');
    if (reason === undefined && !flag('dry-run')) throw new UsageError('say why with --reason');
    const ids = selected ? await select({ ...selection, status: selection.status ?? 'PARKED,DEAD' }, api) : words;
    if (ids.length === 0) {
      io.out(json ? JSON.stringify({ results: [] }) : 'nothing to retry');
      return EXIT.ok;
    }
    const acts = ids.map((id) => ({
      what: `retry delivery ${id}`,
      method: 'POST' as const,
      path: `/api/v1/deliveries/${encodeURIComponent(id)}/retry`,
      body: { reason },
    }));
    return act(acts, api, io, { json, dryRun: flag('dry-run') });
  },
});

/** Every page, before anything is ordered: what is retried changes its status and would shift the pages. */
async function select(selection: Record<string, string | undefined>, api: Api): Promise<string[]> {
  const ids: string[] = [];
  let after: string | undefined;
  do {
    const page: { items: Delivery[]; next?: string } = await api.get(
      `/api/v1/deliveries${query({ ...selection, after, limit: '500' })}`,
    );
    ids.push(...page.items.map(({ id }) => id));
    after = page.next;
  } while (after !== undefined);
  return ids.toReversed(); // oldest first
}
