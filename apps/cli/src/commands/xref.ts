import { EXIT } from '../io.ts';
import { act } from './act.ts';
import { define, query, UsageError } from './define.ts';
import { ago, table } from './text.ts';

interface Page {
  items: { connection: string; document: string; key: string; targetId: string; boundAt: string; boundBy: string }[];
  next?: string;
}

export const command = define({
  name: 'xref',
  usage: '[bind] [--connection c] [--document d] [--key k] [--target-id id] [--reason "..."] [--dry-run]',
  summary: "the target's ids of our records; bind one by hand",
  texts: ['connection', 'document', 'key', 'target-id', 'reason', 'after', 'limit'],
  flags: ['dry-run'],
  run: async ({ words, text, flag, api, io, json }) => {
    const [verb, ...more] = words;
    const parts = {
      connection: text('connection'),
      document: text('document'),
      key: text('key'),
      targetId: text('target-id'),
    };
    if (verb === 'bind' && more.length === 0) {
      if (Object.values(parts).some((part) => part === undefined))
        throw new UsageError('bind needs --connection, --document, --key and --target-id');
      const what = `bind ${parts.key} to ${parts.targetId} in ${parts.connection}`;
      const body = { ...parts, reason: text('reason') };
      return act([{ what, method: 'PUT', path: '/api/v1/xref', body }], api, io, { json, dryRun: flag('dry-run') });
    }
    if (verb !== undefined) throw new UsageError(`knows "bind", not "${words.join(' ')}"`);
    const page = await api.get<Page>(`/api/v1/xref${query({ ...parts, after: text('after'), limit: text('limit') })}`);
    if (json) io.out(JSON.stringify(page));
    else for (const line of pageText(page)) io.out(line);
    return EXIT.ok;
  },
});

function pageText({ items, next }: Page): string[] {
  if (items.length === 0) return ['no cross-reference like that'];
  const rows = items.map((row) => [row.connection, row.document, row.key, row.targetId, ago(row.boundAt), row.boundBy]);
  const more = next === undefined ? [] : [`more: --after '${next}'`];
  return [...table(['connection', 'document', 'key', 'target id', 'bound', 'by'], rows), ...more];
}
