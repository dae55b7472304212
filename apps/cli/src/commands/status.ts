import { EXIT } from '../io.ts';
import { define, UsageError } from './define.ts';
import { ago, span, table } from './text.ts';

interface Status {
  flows: {
    name: string;
    target: string;
    state: string;
    accepted: number;
    finished: Record<string, number>;
    unfinished: Record<string, number>;
    difference: number;
    oldestUnfinishedAt: string | null;
    lagSeconds: { p50: number | null; p99: number | null };
    unsynced: { currency: string; amount: string }[];
  }[];
  connections: { name: string; side: string; state: string; breaker?: string; reason?: string; heldUntil?: string }[];
  capture: { received: number; rejected: number; pending: number };
  outbox: { unpublished: number };
}

export const command = define({
  name: 'status',
  usage: '',
  summary: 'are we in sync? flows, connections, what is not delivered',
  run: async ({ words, api, io, json }) => {
    if (words.length > 0) throw new UsageError('takes no words');
    const status = await api.get<Status>('/api/v1/status');
    if (json) io.out(JSON.stringify(status));
    else for (const line of statusText(status)) io.out(line);
    return EXIT.ok;
  },
});

export function statusText(status: Status, now: number = Date.now()): string[] {
  const flows = status.flows.map((flow) => [
    flow.state === 'running' ? flow.name : `${flow.name} (${flow.state})`,
    flow.target,
    String(flow.accepted),
    String(sum(flow.finished)),
    unfinishedText(flow.unfinished),
    flow.oldestUnfinishedAt === null ? '-' : ago(flow.oldestUnfinishedAt, now),
    flow.lagSeconds.p50 === null ? '-' : `${span(flow.lagSeconds.p50)} / ${span(flow.lagSeconds.p99 ?? 0)}`,
    flow.unsynced.map(({ amount, currency }) => `${amount} ${currency}`).join(', ') || '-',
  ]);
  const lost = status.flows.filter(({ difference }) => difference !== 0);
  const trouble = status.connections.filter(
    ({ state, breaker, reason }) => state !== 'active' || (breaker ?? 'closed') !== 'closed' || reason !== undefined,
  );
  return [
    ...table(
      ['flow', 'target', 'accepted', 'finished', 'unfinished', 'oldest', 'lag p50 / p99', 'not delivered'],
      flows,
    ),
    '',
    ...lost.map(
      ({ name, difference }) =>
        `${name}: ${difference} events are unaccounted for: data is at risk, see docs/guides/operate.md`,
    ),
    ...trouble.map(
      ({ name, state, breaker, reason }) =>
        `${name}: ${state}, breaker ${breaker ?? '-'}${reason ? ` (${reason})` : ''}`,
    ),
    `captured ${status.capture.received}, rejected ${status.capture.rejected}${status.capture.rejected > 0 ? ' (crossdock captured)' : ''}, waiting ${status.capture.pending}; ` +
      `outbox ${status.outbox.unpublished} unpublished`,
    ...(status.flows.some(({ unfinished }) => (unfinished['dead'] ?? 0) + (unfinished['parked'] ?? 0) > 0)
      ? ['what is broken and why: crossdock failures']
      : []),
  ];
}

function unfinishedText(unfinished: Record<string, number>): string {
  const parts = Object.entries(unfinished).filter(([, n]) => n > 0);
  return parts.map(([word, n]) => `${n} ${word}`).join(', ') || '0';
}

const sum = (words: Record<string, number>): number => Object.values(words).reduce((total, n) => total + n, 0);
