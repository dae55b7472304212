import type { Queryable } from '#db';
import { UUID } from '../api/query.ts';

/** Records whose id in a target is this one: from cross-references, and from deliveries (facts are not cross-referenced). */
const BY_TARGET_ID = `
  select key from xref where target_id = $1 and connection = any($2::text[])
  union
  select key from delivery where target_id = $1 and connection = any($2::text[])
  limit 50`;

export async function keysOfTarget(db: Queryable, targetId: string, connections: readonly string[]): Promise<string[]> {
  const rows = await db.query<{ key: string }>(BY_TARGET_ID, [targetId, connections]);
  return rows.map(({ key }) => key);
}

/** The id of an event, captured or not yet; a replay's id means the event it replays. */
const BY_EVENT_ID = `
  select coalesce(e.replay_of, e.event_id) as event_id
  from outbox_event x join crm_event e on e.outbox_id = x.outbox_id where x.event_id = $1
  union
  select event_id from captured where event_id = $1`;

export async function eventIdsOf(db: Queryable, id: string): Promise<string[]> {
  if (!UUID.test(id)) return [];
  return (await db.query<{ event_id: string }>(BY_EVENT_ID, [id])).map(({ event_id }) => event_id);
}
