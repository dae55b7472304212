import { eventId } from '#contracts';
import type { Transaction } from '#db';
import { appendRows, lockRecord } from '#outbox';
import { ARCHIVED, KEEP_REPLAYS, TAKE_PART, type ArchivedRow, type PartRow } from '../sql/replay.ts';
import { refuse, type Answer, type Order, type OrderContext } from './order.ts';

/**
 * Events a second of one replay, and so of one part: they are appended in one transaction, which holds the lock of every record among
 * them, and what is new queues behind them on its way to delivery.
 */
const RATE = { usual: 200, most: 1_000 };
/** Ids that an answer names; the rest is counted. */
const MOST_NAMED = 100;

/** What a replay has done so far, and its answer in the end. */
interface Replayed {
  replayed: number;
  left: number;
  /** ids that the archive does not have; at most `MOST_NAMED` */
  missing?: string[];
  /** ids of results and the like, which stand in other topics; at most `MOST_NAMED` */
  notOfTheCrm?: string[];
}

/**
 * Sends events through the mapper once more, at the front: as outbox rows under ids of their own that say what they replay. Each takes
 * its record's lock, in the order of keys, and draws no version. What comes of it is decided when it reaches delivery's intake.
 * The order's events stand in `command_event`; a second's worth is taken from there in a transaction of its own, and the next a second later.
 */
export async function replayEvents({ tx, order }: OrderContext): Promise<Answer> {
  const { rate = RATE.usual, resend } = settingsOf(order);
  if (typeof rate !== 'number' || !Number.isInteger(rate) || rate < 1 || rate > RATE.most)
    return refuseAll(tx, order, `rate is a whole number of events a second, 1 to ${RATE.most}`);
  if (resend !== undefined && resend !== 'changed') return refuseAll(tx, order, 'resend is changed, or not there');
  const [part] = await tx.query<PartRow>(TAKE_PART, [order.id, rate]);
  const before = order.result as Replayed | null;
  if (part!.events.length === 0 && before === null) return refuse('no event is named');
  const done = added(before, await appendReplays(tx, order, part!.events, resend === 'changed'), part!.left);
  if (done.left > 0) return { again: true, soFar: { ...done } };
  if (done.replayed > 0) return { done: { replayId: order.id, ...done } };
  return refuse(
    done.notOfTheCrm === undefined
      ? 'the archive has none of these events'
      : `only events of the CRM can be replayed: ${done.notOfTheCrm[0]} is none`,
  );
}

async function refuseAll(tx: Transaction, order: Order, why: string): Promise<Answer> {
  await tx.query(EMPTY, [order.id]);
  return refuse(why);
}

/** Ends a replay before its next part. What it has sent through by then goes its way. */
export async function cancelReplay({ tx, order }: OrderContext): Promise<Answer> {
  const { replayId: id } = settingsOf(order);
  const [found] =
    typeof id === 'string' && UUID.test(id)
      ? await tx.query<{ status: string; result: Replayed | null }>(FIND, [id])
      : [];
  if (found === undefined) return refuse('there is no such replay');
  if (found.status !== 'waiting')
    return refuse('it has sent everything through: what it changed and has not gone out can be cancelled one by one');
  const [gone] = await tx.query<{ count: number }>(EMPTY, [id]);
  const result = { ...(found.result ?? { replayed: 0 }), left: 0, cancelled: gone!.count };
  await tx.query(END, [id, JSON.stringify(result)]);
  return { done: { replayId: id, replayed: result.replayed, cancelled: gone!.count } };
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const FIND = `select status, result from command where id = $1 and stage = 'delivery' and kind = 'replay' for update`;
const EMPTY = `with gone as (delete from command_event where command_id = $1 returning 1) select count(*)::int as count from gone`;
const END = `update command set status = 'done', result = $2, done_at = clock_timestamp() where id = $1
  returning pg_notify('crossdock_command_done', id::text)`;

const settingsOf = (order: Order): Record<string, unknown> =>
  (typeof order.target === 'object' && order.target !== null ? order.target : {}) as Record<string, unknown>;

interface Part {
  replayed: number;
  missing: string[];
  notOfTheCrm: string[];
}

async function appendReplays(tx: Transaction, order: Order, events: readonly string[], resend: boolean): Promise<Part> {
  const archived = await tx.query<ArchivedRow>(ARCHIVED, [[...new Set(events)]]);
  const found = new Set(archived.map((row) => row.event_id));
  const [own, others] = [archived.filter(ofTheCrm), archived.filter((row) => !ofTheCrm(row))];
  // two ids may mean one event: a replay and what it replays
  const rows = [...new Map(own.map((row) => [row.original, row])).values()];
  const locked = new Set<string>();
  for (const key of new Set(rows.map((row) => row.key))) if ((await lockRecord(tx, key)) !== undefined) locked.add(key);
  const replays = rows.filter((row) => locked.has(row.key)).map((row) => ({ row, id: replayId(row, order.id) }));
  await tx.query(KEEP_REPLAYS, [replays.map(({ id }) => id), replays.map(({ row }) => row.original), order.id, resend]);
  await appendRows(
    tx,
    replays.map(({ row, id }) => ({
      eventId: id,
      aggregateType: row.aggregatetype,
      aggregateId: row.aggregateid,
      type: row.type,
      topic: row.topic,
      key: row.key,
      headers: { ...row.headers, ce_id: id, ce_replayof: row.original, ce_causationid: row.original },
      payload: row.payload,
    })),
  );
  return {
    replayed: replays.length,
    missing: [
      ...events.filter((event) => !found.has(event)),
      ...own.filter((row) => !locked.has(row.key)).map((row) => row.event_id),
    ],
    notOfTheCrm: others.map((row) => row.event_id),
  };
}

const ofTheCrm = ({ topic }: ArchivedRow): boolean => topic.startsWith('crm.');

function added(before: Replayed | null, part: Part, left: number): Replayed {
  const missing = [...(before?.missing ?? []), ...part.missing].slice(0, MOST_NAMED);
  const notOfTheCrm = [...(before?.notOfTheCrm ?? []), ...part.notOfTheCrm].slice(0, MOST_NAMED);
  return {
    replayed: (before?.replayed ?? 0) + part.replayed,
    left,
    ...(missing.length > 0 && { missing }),
    ...(notOfTheCrm.length > 0 && { notOfTheCrm }),
  };
}

/** Derived, so that an order that is executed again after a lost COMMIT appends the same rows, and so nothing. */
const replayId = (row: ArchivedRow, order: string): string =>
  eventId({
    tenant: row.headers['ce_tenant'] ?? '',
    source: 'crossdock',
    entity: row.aggregatetype,
    recordId: row.aggregateid,
    sourceEventId: `replay ${order} ${row.original}`,
  });
