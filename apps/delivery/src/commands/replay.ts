import { eventId } from '#contracts';
import { appendRows, lockRecord } from '#outbox';
import { ARCHIVED, KEEP_REPLAYS, type ArchivedRow } from '../sql/replay.ts';
import { refuse, type Answer, type OrderContext } from './order.ts';

/** Most events of one order: they are appended in one transaction, which holds the lock of every record among them. */
export const MOST_EVENTS = 1_000;

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/**
 * Sends events through the mapper once more, at the front: as outbox rows under ids of their own that say what they replay. Each takes
 * its record's lock, in the order of keys, and draws no version. What comes of it is decided when it reaches delivery's intake.
 */
export async function replayEvents({ tx, order }: OrderContext): Promise<Answer> {
  const target = (typeof order.target === 'object' && order.target !== null ? order.target : {}) as Record<
    string,
    unknown
  >;
  const { events, resend } = target;
  if (!isListOfIds(events)) return refuse('events must be a list of event ids');
  if (events.length === 0 || events.length > MOST_EVENTS) return refuse(`between 1 and ${MOST_EVENTS} events at once`);
  if (resend !== undefined && resend !== 'changed') return refuse('resend is changed, or not there');
  const archived = await tx.query<ArchivedRow>(ARCHIVED, [[...new Set(events)]]);
  // two ids may mean one event: a replay and what it replays
  const rows = [...new Map(archived.map((row) => [row.original, row])).values()];
  const other = rows.find(({ topic }) => !topic.startsWith('crm.'));
  if (other !== undefined)
    return refuse(`only events of the CRM can be replayed: ${other.original} stands in ${other.topic}`);
  if (rows.length === 0) return refuse('the archive has none of these events');
  for (const key of new Set(rows.map((row) => row.key)))
    if ((await lockRecord(tx, key)) === undefined) return refuse(`the record ${key} never had a version`);
  const replays = rows.map((row) => ({ row, id: replayId(row, order.id) }));
  await tx.query(KEEP_REPLAYS, [
    replays.map(({ id }) => id),
    replays.map(({ row }) => row.original),
    order.id,
    resend === 'changed',
  ]);
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
  const found = new Set(archived.map((row) => row.event_id));
  const missing = events.filter((event) => !found.has(event));
  return { done: { replayId: order.id, replayed: replays.length, ...(missing.length > 0 ? { missing } : {}) } };
}

const isListOfIds = (list: unknown): list is string[] =>
  Array.isArray(list) && list.every((id) => typeof id === 'string' && UUID.test(id));

/** Derived, so that an order that is executed again after a lost COMMIT appends the same rows, and so nothing. */
const replayId = (row: ArchivedRow, order: string): string =>
  eventId({
    tenant: row.headers['ce_tenant'] ?? '',
    source: 'crossdock',
    entity: row.aggregatetype,
    recordId: row.aggregateid,
    sourceEventId: `replay ${order} ${row.original}`,
  });
