import { CRM_ENTITIES, crmTopic } from '#contracts';
import type { Database } from '#db';
import { newestRow, oldestRow, readUnfinished, type UnfinishedRow } from '#outbox';

/** How long the stages get to take in what is in the outbox, ms. */
const TAKE_IN_MS = 60_000;
const AGAIN_MS = 250;
/** Ids looked through in one statement, as the relay's refill does. */
const STEP = 20_000n;

/** Events of which delivery does not have everything yet, by topic; under `received` what is no event yet. Empty: all is taken in. */
export type LeftOver = Readonly<Record<string, number>>;

/**
 * What capture, relay, mapper and intake have still to do with what is there at the call; they send nothing. Waits for them for
 * `patienceMs`. Only what is taken in can be looked for, or held for a person, before documents are sent again.
 */
export async function leftOver(database: Database, patienceMs = TAKE_IN_MS): Promise<LeftOver> {
  const patience = performance.now() + patienceMs;
  const now = await newestReceipt(database);
  let received = await countReceived(database, now);
  while (received > 0 && (await again(patience))) received = await countReceived(database, now);
  const to = await newestRow(database);
  let from = (await oldestRow(database)) - 1n;
  do {
    const first = (await unfinished(database, from, to).next()).value?.[0];
    from = first === undefined ? to : first.id - 1n;
  } while (from < to && (await again(patience)));
  const left: Record<string, number> = received > 0 ? { received } : {};
  for await (const rows of unfinished(database, from, to))
    for (const { topic } of rows) left[topic] = (left[topic] ?? 0) + 1;
  return left;
}

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

async function again(patience: number): Promise<boolean> {
  if (performance.now() >= patience) return false;
  await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
  return true;
}
