import { EXIT } from '../io.ts';
import { act } from './act.ts';
import { define, query, UsageError, type Call } from './define.ts';
import { ago, table } from './text.ts';

interface Page {
  items: {
    id: string;
    connection: string;
    type: string;
    recordId: string;
    receiptId: string;
    status: string;
    code?: string;
    reason?: string;
    receivedAt: string;
  }[];
  next?: string;
}

export const command = define({
  name: 'captured',
  usage:
    '[--status rejected|waiting|published|dismissed] [--connection c] [--limit n] [--after id] | renormalise <id>... | renormalise [--connection c] [--code c] | dismiss <id>...  --reason "..." [--dry-run]',
  summary: 'what came in and could not become an event, with the reason; let it try again, or give it up',
  texts: ['status', 'connection', 'limit', 'after', 'code', 'reason'],
  flags: ['dry-run'],
  run: async (call) => {
    const { words, text, api, io, json } = call;
    if (words.length > 0) return order(call);
    const parts = { status: text('status') ?? 'rejected', connection: text('connection') };
    const page = await api.get<Page>(
      `/api/v1/captured${query({ ...parts, limit: text('limit'), after: text('after') })}`,
    );
    if (json) io.out(JSON.stringify(page));
    else for (const line of pageText(page, parts.status)) io.out(line);
    return EXIT.ok;
  },
});

/** With ids one after the other; without, `renormalise` takes every rejected one of a selection. */
function order({ words: [kind, ...ids], text, flag, api, io, json }: Call): Promise<number> {
  if (kind !== 'renormalise' && kind !== 'dismiss') throw new UsageError(`there is no "${kind}"`);
  const selection = { connection: text('connection'), code: text('code') };
  const selected = Object.values(selection).some((part) => part !== undefined);
  if (ids.length > 0 && selected) throw new UsageError('give ids or a selection, not both');
  if (ids.length === 0 && (kind === 'dismiss' || !selected)) throw new UsageError('say which captured rows');
  const reason = text('reason');
  if (reason === undefined && !flag('dry-run')) throw new UsageError('say why with --reason');
  const path = '/api/v1/captured';
  const acts =
    ids.length === 0
      ? [{ what: `${kind} what was rejected`, path: `${path}/${kind}`, body: { reason, ...selection } }]
      : ids.map((id) => ({
          what: `${kind} ${id}`,
          path: `${path}/${encodeURIComponent(id)}/${kind}`,
          body: { reason },
        }));
  return act(
    acts.map((one) => ({ ...one, method: 'POST' as const })),
    api,
    io,
    { json, dryRun: flag('dry-run') },
  );
}

function pageText({ items, next }: Page, status: string): string[] {
  if (items.length === 0) return [`nothing is ${status}`];
  const rows = items.map((row) => [
    row.id,
    row.connection,
    row.type,
    row.recordId,
    ago(row.receivedAt),
    row.receiptId,
    row.code === undefined ? row.status : `${row.code}: ${row.reason ?? ''}`,
  ]);
  const more = next === undefined ? [] : [`more: --after ${next}`];
  return [...table(['id', 'connection', 'type', 'record', 'received', 'receipt', 'why'], rows), ...more];
}
