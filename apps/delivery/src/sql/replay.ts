import type { Statement } from '#db';

/** Which delivery flow $2 made of event $1, and what the replay $3 was ordered with; `seen`: this flow's record was here before. */
export const FIND_REPLAYED: Statement = {
  name: 'delivery-find-replayed',
  text: `
select (select delivery_id from delivery_key where event_id = $1 and flow = $2) as delivery_id,
       coalesce((select resend from replay where event_id = $3), false) as resend,
       (select command_id from replay where event_id = $3) as command_id,
       exists (select 1 from replay_outcome where event_id = $3 and flow = $2) as seen`,
};

export interface FoundReplayed {
  delivery_id: bigint | null;
  resend: boolean;
  command_id: string | null;
  seen: boolean;
}

/** What became of the replay $1 in flow $2: delivery $3, in a word $4, its revision $5, why nothing $6. */
export const KEEP_REPLAY_OUTCOME: Statement = {
  name: 'delivery-keep-replay-outcome',
  text: `
insert into replay_outcome (event_id, flow, delivery_id, outcome, revision, note) values ($1, $2, $3, $4, $5, $6)
on conflict do nothing`,
};

/** Takes the next $2 events out of the replay that order $1 gave, oldest first; `left` of them are still to come. */
export const TAKE_PART: Statement = {
  name: 'delivery-take-replay-part',
  text: `
with part as (
  delete from command_event
   where command_id = $1 and n <= (select max(n) from (
           select n from command_event where command_id = $1 order by n limit $2) next)
  returning n, event_id
)
select (select count(*)::int from command_event where command_id = $1) - (select count(*)::int from part) as left,
       coalesce((select array_agg(event_id order by n) from part), '{}') as events`,
};

export interface PartRow {
  left: number;
  events: string[];
}

export interface ArchivedRow {
  event_id: string;
  original: string;
  key: string;
  topic: string;
  aggregatetype: string;
  aggregateid: string;
  type: string;
  headers: Record<string, string>;
  payload: Buffer | null;
}

/**
 * Events $1 as they stand in the outbox, which is the archive. A replay's own id means the event it replays. Ordered by record and then as
 * they were appended: a replay keeps the order within a record.
 */
export const ARCHIVED: Statement = {
  name: 'delivery-archived',
  text: `
select x.asked as event_id, o.event_id as original, o.key, o.topic, o.aggregatetype, o.aggregateid, o.type, o.headers, o.payload
  from (
    select asked, coalesce((select coalesce((r.headers->>'ce_replayof')::uuid, e.event_id)
                              from outbox_event e join outbox r on r.id = e.outbox_id where e.event_id = asked), asked) as meant
      from unnest($1::uuid[]) as asked
  ) x
  join outbox_event e on e.event_id = x.meant
  join outbox o on o.id = e.outbox_id
 order by o.key collate "C", o.id`,
};

/** Writes down which replays ($1) of which events ($2) the order $3 gave, and whether what was delivered and changed is sent again ($4). */
export const KEEP_REPLAYS: Statement = {
  name: 'delivery-keep-replays',
  text: `
insert into replay (event_id, replay_of, command_id, resend)
select x.event_id, x.replay_of, $3, $4 from unnest($1::uuid[], $2::uuid[]) as x(event_id, replay_of)
on conflict do nothing`,
};
