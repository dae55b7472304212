import type { Queryable } from '#db';
import { iso } from '../api/json.ts';

/** What became of an event besides deliveries. */
export interface Aftermath {
  /** no flow wanted it */
  unrouted: boolean;
  deadLetters?: { topic: string; stage: string; reason: string; at: string }[];
  replays?: { id: string; at: string }[];
}

const UNROUTED = `select event_id from unrouted where event_id = any($1::uuid[])`;
/** `order by stored_at`: as they happened. */
const DEAD = `
  select event_id, topic, stage, reason, stored_at from dead_letter where event_id = any($1::uuid[]) order by stored_at`;
/** Replays stand beside their event under the same key. */
const REPLAYS = `
  select e.replay_of as event_id, e.event_id as id, e.appended_at from crm_event e
  where e.key in (select key from crm_event o join outbox_event x on x.outbox_id = o.outbox_id where x.event_id = any($1::uuid[]))
    and e.replay_of = any($1::uuid[])
  order by e.outbox_id`;

export async function aftermathOf(db: Queryable, ids: readonly string[]): Promise<Map<string, Aftermath>> {
  const found = new Map<string, Aftermath>();
  if (ids.length === 0) return found;
  const of = (id: string): Aftermath => {
    const known = found.get(id) ?? { unrouted: false };
    found.set(id, known);
    return known;
  };
  for (const row of await db.query<{ event_id: string }>(UNROUTED, [ids])) of(row.event_id).unrouted = true;
  for (const row of await db.query<DeadRow>(DEAD, [ids]))
    (of(row.event_id).deadLetters ??= []).push({
      topic: row.topic,
      stage: row.stage,
      reason: row.reason,
      at: iso(row.stored_at)!,
    });
  for (const row of await db.query<ReplayRow>(REPLAYS, [ids]))
    (of(row.event_id).replays ??= []).push({ id: row.id, at: iso(row.appended_at)! });
  return found;
}

interface DeadRow {
  event_id: string;
  topic: string;
  stage: string;
  reason: string;
  stored_at: Date;
}
interface ReplayRow {
  event_id: string;
  id: string;
  appended_at: Date;
}
