import { EXIT } from '../io.ts';
import { define, query, UsageError } from './define.ts';
import { ago, table } from './text.ts';

interface Page {
  items: {
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
  usage: '[--status rejected|waiting|published] [--connection c] [--limit n] [--after id]',
  summary: 'what came in and could not become an event, with the reason',
  texts: ['status', 'connection', 'limit', 'after'],
  run: async ({ words, text, api, io, json }) => {
    if (words.length > 0) throw new UsageError('takes no words');
    const parts = { status: text('status') ?? 'rejected', connection: text('connection') };
    const page = await api.get<Page>(
      `/api/v1/captured${query({ ...parts, limit: text('limit'), after: text('after') })}`,
    );
    if (json) io.out(JSON.stringify(page));
    else for (const line of pageText(page, parts.status)) io.out(line);
    return EXIT.ok;
  },
});

function pageText({ items, next }: Page, status: string): string[] {
  if (items.length === 0) return [`nothing is ${status}`];
  const rows = items.map((row) => [
    row.connection,
    row.type,
    row.recordId,
    ago(row.receivedAt),
    row.receiptId,
    row.code === undefined ? row.status : `${row.code}: ${row.reason ?? ''}`,
  ]);
  const more = next === undefined ? [] : [`more: --after ${next}`];
  return [...table(['connection', 'type', 'record', 'received', 'receipt', 'why'], rows), ...more];
}
