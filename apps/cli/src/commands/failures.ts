import { EXIT } from '../io.ts';
import { define, UsageError } from './define.ts';
import { ago, counted, table } from './text.ts';

interface Failures {
  items: {
    target: string;
    errorClass: string | null;
    message: string;
    count: number;
    keys: number;
    lastSeenAt: string;
    amounts: { currency: string; amount: string }[];
    fixedBy: string;
    sample: { deliveryId: string; key: string };
  }[];
  captured: { connection: string; code: string; message: string; count: number; lastSeenAt: string }[];
  deadLetters: { topic: string; stage: string; message: string; count: number }[];
}

export const command = define({
  name: 'failures',
  usage: '',
  summary: 'what is broken, by cause, and who can fix it',
  run: async ({ words, api, io, json }) => {
    if (words.length > 0) throw new UsageError('takes no words');
    const failures = await api.get<Failures>('/api/v1/failures');
    if (json) io.out(JSON.stringify(failures));
    else for (const line of failuresText(failures)) io.out(line);
    return EXIT.ok;
  },
});

export function failuresText({ items, captured, deadLetters }: Failures): string[] {
  if (items.length + captured.length + deadLetters.length === 0) return ['nothing is broken'];
  const rows = items.map((group) => [
    String(group.count),
    group.target,
    group.errorClass ?? '-',
    group.message || '-',
    group.amounts.map(({ amount, currency }) => `${amount} ${currency}`).join(', ') || '-',
    ago(group.lastSeenAt),
    group.fixedBy,
    group.sample.deliveryId,
  ]);
  return [
    ...(rows.length > 0
      ? table(['count', 'target', 'class', 'cause', 'worth', 'last', 'fixed by', 'e.g. delivery'], rows)
      : []),
    ...captured.map(
      ({ count, connection, code, message }) =>
        `${counted(count, 'event', 'events')} from ${connection} rejected: ${code} ${message}`,
    ),
    ...deadLetters.map(
      ({ count, topic, stage, message }) =>
        `${counted(count, 'record', 'records')} of ${topic} dead at ${stage}: ${message}`,
    ),
    ...(deadLetters.length > 0
      ? [
          '',
          'how many events of these can be sent through once more, when the cause is gone: crossdock replay --dead-letters --dry-run',
        ]
      : []),
    ...(rows.length > 0 ? ['', 'one of them in full: crossdock show delivery <id>'] : []),
  ];
}
