import { EXIT } from '../io.ts';
import { define, query, UsageError } from './define.ts';
import type { Event } from './shapes.ts';
import { ago, table } from './text.ts';

const FILTERS = ['entity', 'number', 'record-id', 'target-id', 'event-id'] as const;

export const command = define({
  name: 'find',
  usage: '<any id or number> [--entity order] [--number n] [--record-id id] [--target-id id] [--event-id id]',
  summary: 'where is it? by record id, order number, target id or event id',
  texts: FILTERS,
  run: async ({ words, text, api, io, json }) => {
    const [q, ...more] = words;
    if (more.length > 0) throw new UsageError('takes one id or number');
    const parts = {
      q,
      entity: text('entity'),
      number: text('number'),
      recordId: text('record-id'),
      targetId: text('target-id'),
      eventId: text('event-id'),
    };
    if (Object.values(parts).every((part) => part === undefined)) throw new UsageError('say what to find');
    const found = await api.get<{ items: Event[]; complete: boolean }>(`/api/v1/events${query(parts)}`);
    if (json) io.out(JSON.stringify(found));
    else for (const line of foundText(found)) io.out(line);
    return found.items.length > 0 ? EXIT.ok : EXIT.failed;
  },
});

export function foundText({ items, complete }: { items: Event[]; complete: boolean }): string[] {
  const unread = complete ? [] : ['older events are still being read: ask again'];
  if (items.length === 0) return ['nothing is known of it', ...unread];
  const rows = items.map((event) => [
    event.entity,
    event.recordId,
    `v${event.aggregateVersion}`,
    event.type,
    ago(event.receivedAt),
    event.deliveries.map(({ flow, status }) => `${flow} ${status}`).join(', ') || event.state,
  ]);
  return [...table(['entity', 'record', 'version', 'type', 'received', 'what became of it'], rows), ...unread];
}
