import { EXIT } from '../io.ts';
import { act } from './act.ts';
import { define, UsageError, type Call } from './define.ts';
import { table } from './text.ts';

const PATH = '/api/v1/replays';

interface Replay {
  status: string;
  result?: { replayed: number; left?: number; cancelled?: number; reason?: string };
  outcomes: { flow: string; outcome: string; note?: string; count: number; deliveryId?: string }[];
}

export const command = define({
  name: 'replay',
  usage:
    '<event id>... | [--status DEAD] [--flow f] [--target t] [--error-class c] [--entity e] [--record-id id] | --dead-letters [--flow f] [--entity e]  --reason "..." [--resend changed] [--rate events/s] [--dry-run] | watch <replay id> | cancel <replay id>',
  summary: 'map events anew, after a mapping was corrected; what went through as it is stays as it is',
  texts: ['reason', 'status', 'flow', 'target', 'error-class', 'entity', 'record-id', 'resend', 'rate'],
  flags: ['dry-run', 'dead-letters'],
  run: (call) => {
    if (call.words[0] === 'watch') return watch(call);
    if (call.words[0] === 'cancel') return cancel(call);
    return order(call);
  },
});

async function order({ words, text, flag, api, io, json }: Call): Promise<number> {
  const selection = {
    status: text('status'),
    flow: text('flow'),
    target: text('target'),
    errorClass: text('error-class'),
    entity: text('entity'),
    recordId: text('record-id'),
    deadLetters: flag('dead-letters') || undefined,
  };
  const selected = Object.values(selection).some((part) => part !== undefined);
  if (words.length === 0 && !selected) throw new UsageError('say which events');
  if (words.length > 0 && selected) throw new UsageError('give event ids or a selection, not both');
  const [resend, rate] = [text('resend'), text('rate')];
  if (resend !== undefined && resend !== 'changed') throw new UsageError('--resend is changed, or not there');
  if (rate !== undefined && !/^\d{1,4}$/.test(rate)) throw new UsageError('--rate is a number of events a second');
  const reason = text('reason') ?? (flag('dry-run') ? 'a dry run' : undefined);
  if (reason === undefined) throw new UsageError('say why with --reason');
  const body = {
    reason,
    resend,
    ...(rate !== undefined && { rate: Number(rate) }),
    ...(words.length > 0 ? { events: words } : selection),
  };
  if (!flag('dry-run'))
    return act([{ what: 'replay', method: 'POST', path: PATH, body }], api, io, { json, dryRun: false });
  const answer = await api.call<{ count: number; events: string[] }>('POST', PATH, { ...body, dryRun: true });
  if (json) io.out(JSON.stringify(answer.body));
  else io.out(`would replay ${answer.body.count} events`);
  return EXIT.ok;
}

/** How far it has come, and what its events met. */
async function watch(call: Call): Promise<number> {
  const { api, io, json } = call;
  const replay = await api.get<Replay>(`${PATH}/${idOf(call)}`);
  if (json) io.out(JSON.stringify(replay));
  else for (const line of replayText(replay)) io.out(line);
  return EXIT.ok;
}

function replayText({ status, result, outcomes }: Replay): string[] {
  const { replayed = 0, left, cancelled, reason } = result ?? {};
  const parts = [
    status === 'refused' ? `refused: ${reason}` : `${replayed} events sent through`,
    ...(status === 'waiting' && left !== undefined ? [`${left} to come`] : []),
    ...(cancelled === undefined ? [] : [`${cancelled} cancelled`]),
  ];
  const rows = outcomes.map((met) => [met.flow, met.outcome, String(met.count), met.note ?? '']);
  return [parts.join(', '), ...(rows.length === 0 ? [] : table(['flow', 'outcome', 'events', 'why'], rows))];
}

function cancel(call: Call): Promise<number> {
  const { text, flag, api, io, json } = call;
  const id = idOf(call);
  const body = { reason: text('reason') };
  return act([{ what: `cancel replay ${id}`, method: 'DELETE', path: `${PATH}/${id}`, body }], api, io, {
    json,
    dryRun: flag('dry-run'),
  });
}

function idOf({ words: [, id, ...more] }: Call): string {
  if (id === undefined || more.length > 0)
    throw new UsageError('say which replay: the command id that ordering it gave');
  return encodeURIComponent(id);
}
