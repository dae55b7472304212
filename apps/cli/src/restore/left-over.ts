import { CRM_ENTITIES, crmTopic, type EventLog, type GroupPosition } from '#contracts';
import type { Database } from '#db';
import { PostgresEventLog } from '#event-log';
import { newestRow, oldestRow, readUnfinished, type UnfinishedRow } from '#outbox';
import type { Surroundings } from './surroundings.ts';

/** How long the stages get to take in what is in the outbox, ms. */
const TAKE_IN_MS = 60_000;
const AGAIN_MS = 250;
/** Ids looked through in one statement, as the relay's refill does. */
const STEP = 20_000n;

/**
 * By topic: events of which delivery does not have everything yet, replays that are not in the log, or else records that a stage has
 * not read; under `received` what is no event yet. Empty: all is taken in.
 */
export type LeftOver = Readonly<Record<string, number>>;

/**
 * What capture, relay, mapper and intake have still to do with what is there at the call; they send nothing. Waits for them for
 * `takeInMs`. Only what is taken in can be looked for, or held for a person, before documents are sent again.
 */
export async function leftOver({ database, log, takeInMs = TAKE_IN_MS }: From): Promise<LeftOver> {
  const patience = performance.now() + takeInMs;
  const now = await newestReceipt(database);
  let received = await countReceived(database, now);
  while (received > 0 && (await again(patience))) received = await countReceived(database, now);
  const to = await newestRow(database);
  let from = (await oldestRow(database)) - 1n;
  do {
    const first = (await unfinished(database, from, to).next()).value?.[0];
    from = first === undefined ? to : first.id - 1n;
  } while (from < to && (await again(patience)));
  let replays = await unpublishedReplays(database, to);
  while (replays.length > 0 && (await again(patience))) replays = await unpublishedReplays(database, to);
  const left: Record<string, number> = received > 0 ? { received } : {};
  for await (const rows of unfinished(database, from, to))
    for (const { topic } of rows) left[topic] = (left[topic] ?? 0) + 1;
  for (const { topic, count } of replays) left[topic] = (left[topic] ?? 0) + count;
  if (Object.keys(left).length > 0) return left;
  const reading = log ?? new PostgresEventLog({ database });
  for (const group of ['mapper', 'delivery'])
    for (const { topic, end, committed } of await unread(reading, group, patience))
      left[topic] = (left[topic] ?? 0) + Number(end - committed);
  return left;
}

type From = Pick<Surroundings, 'database' | 'log' | 'takeInMs'>;

/** Undefined: all is taken in. */
export function notTakenIn(left: LeftOver): string | undefined {
  const each = Object.entries(left).map(([topic, count]) => `${topic}: ${count}`);
  if (each.length === 0) return undefined;
  return (
    `not all of it is taken in yet (${each.join(', ')}), and what became of it at the targets cannot be looked for: see that capture, ` +
    'relay, mapper and delivery run (they send nothing), and report again; if it stays so, crossdock refill --group mapper --topic ...'
  );
}

async function newestReceipt(database: Database): Promise<bigint> {
  const [row] = await database.query<{ id: bigint }>('select coalesce(max(id), 0)::bigint as id from captured');
  return row!.id;
}

/** Before there is a report nothing becomes an event, and nothing is waited for. */
const RECEIVED = `
  select count(*)::int as count from captured, history
  where captured.status = 'waiting' and captured.id <= $1 and history.reported_at is not null`;

async function countReceived(database: Database, newest: bigint): Promise<number> {
  const [row] = await database.query<{ count: number }>(RECEIVED, [newest]);
  return row!.count;
}

/** Those above `from` up to `to`, in order; no page is empty. */
async function* unfinished(database: Database, from: bigint, to: bigint): AsyncGenerator<UnfinishedRow[], undefined> {
  const topics = CRM_ENTITIES.map(crmTopic);
  for (let at = from; at < to; at += STEP) {
    const rows = await readUnfinished(database, { from: at, to: at + STEP < to ? at + STEP : to, topics });
    if (rows.length > 0) yield rows;
  }
}

/**
 * What was ordered again is not counted event by event: of a replay that was lost nothing comes any more. It is taken in when it is
 * in the log and whoever reads that has come so far.
 */
const UNPUBLISHED_REPLAYS = `
  select o.topic, count(*)::int as count from outbox_unpublished u join outbox o on o.id = u.outbox_id
  where o.id <= $1 and o.headers->>'ce_replayof' is not null
    and not exists (select 1 from relay_set_aside a where a.id = o.id and a.published_at is null)
  group by o.topic`;

function unpublishedReplays(database: Database, to: bigint): Promise<{ topic: string; count: number }[]> {
  return database.query(UNPUBLISHED_REPLAYS, [to]);
}

/** Where the group has not come to the end that was there at the call. */
async function unread(log: EventLog, group: string, patience: number): Promise<GroupPosition[]> {
  const behind = ({ committed, end }: GroupPosition): boolean => committed < end;
  let left = (await log.positions(group)).filter(behind);
  while (left.length > 0 && (await again(patience))) {
    const now = new Map((await log.positions(group)).map((at) => [`${at.topic}/${at.partition}`, at.committed]));
    left = left.map((at) => ({ ...at, committed: now.get(`${at.topic}/${at.partition}`) ?? at.end })).filter(behind);
  }
  return left;
}

async function again(patience: number): Promise<boolean> {
  if (performance.now() >= patience) return false;
  await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
  return true;
}
