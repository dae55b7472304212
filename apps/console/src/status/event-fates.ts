import { CRM_ENTITIES, crmTopic, RESULT_TOPIC, type Flow } from '#contracts';
import type { Queryable } from '#db';
import { unpublishedSql } from './unpublished.ts';

/**
 * Events, and results where a flow writes them back, that a flow wants and that delivery has not taken in for it: `pending` on their way, `dead` in a dead-letter
 * topic. The others are wanted as their fan-out says, so what an older bundle did not want is not counted here.
 */
export interface Fate {
  flow: string;
  fate: 'pending' | 'dead';
  /** not in the log yet */
  unpublished: boolean;
  count: number;
  oldest: Date;
  /** how many of them passed their flow's freshness within the window asked for */
  crossed: number;
}

/** Between two moments of the database's clock. */
export interface Window {
  from: Date;
  to: Date;
}

export interface Fates {
  fates: Fate[];
  /** where the next call may begin */
  mark: Mark;
}

/**
 * Everything at or below `floor` is accounted for, except the events in `open`. An event once taken in stays taken in,
 * so a process keeps its mark and never reads the same finished rows again; the first call reads them all.
 */
export interface Mark {
  floor: bigint;
  open: readonly bigint[];
}
export const FIRST_MARK: Mark = { floor: 0n, open: [] };

/** More open events than this are found again by scanning instead of by id. */
const MOST_OPEN = 10_000;

/** A dead letter of one of them is one for every flow; one of a document's topic, whose area may be called `crm` too, for its own. */
const EVENT_TOPICS = [...CRM_ENTITIES.map(crmTopic), RESULT_TOPIC];

/** `$1` floor, `$2` open ids, `$3` flows as JSON, `$4` the most open ids to give back, `$5` and `$6` the window, `$7` topics of events. */
const SQL = `
  with flow as materialized (
    select * from jsonb_to_recordset($3::jsonb) as f (flow text, entity text, sources text[], "of" text[], freshness float8)
  ), candidate as (
    select * from flow_event where outbox_id > $1
    union all
    select * from flow_event where outbox_id = any($2::bigint[])
  ), wanted as materialized (
    select f.flow, f.freshness, e.outbox_id, e.event_id, e.accepted_at
    from candidate e join flow f on f.entity = e.entity and e.source = any(f.sources) and (f."of" is null or e.flow = any(f."of"))
    where e.replay_of is null
      and not exists (select 1 from delivery_key k where k.event_id = e.event_id and k.flow = f.flow)
  ), judged as materialized (
    select w.*, ${unpublishedSql('w.outbox_id')} as unpublished,
      case
        when exists (select 1 from dead_letter x where x.event_id = w.event_id
          and (x.topic = any($7::text[]) or x.headers->>'cd_flow' = w.flow)) then 'dead'
        when exists (select 1 from unrouted u where u.event_id = w.event_id) then 'unwanted'
        when (select count(*) >= max(d.fan_out) from delivery d where d.event_id = w.event_id) then 'unwanted'
        else 'pending'
      end as fate
    from wanted w
  )
  select flow, fate, unpublished, count(*)::int as count, min(accepted_at) as oldest,
    count(*) filter (where accepted_at + freshness * interval '1 second' > $5::timestamptz
      and accepted_at + freshness * interval '1 second' <= $6::timestamptz)::int as crossed,
    case when count(*) <= $4 then array_agg(outbox_id) end as ids, min(outbox_id) as first
  from judged where fate <> 'unwanted'
  group by flow, fate, unpublished`;

interface Row extends Fate {
  ids: bigint[] | null;
  first: bigint;
}

/** Ids up to here are visible or will never be: the relay has proven it. */
const PROVEN = `
  select least(min(c.high), min((gap->>'from')::bigint) - 1) as proven
  from relay_cursor c left join lateral jsonb_array_elements(c.gaps) as gap on true`;

/** Called within the same snapshot as the counts of deliveries. */
export async function eventFates(
  db: Queryable,
  flows: Iterable<Flow>,
  mark: Mark,
  window: Window | undefined = undefined,
): Promise<Fates> {
  const { from = null, to = null } = window ?? {};
  const parts = [mark.floor, mark.open, flowsAsJson(flows), MOST_OPEN, from, to, EVENT_TOPICS];
  const rows = await db.query<Row>(SQL, parts);
  const [row] = await db.query<{ proven: bigint | null }>(PROVEN);
  return {
    fates: rows.map(({ ids: _ids, first: _first, ...fate }) => fate),
    mark: nextMark(mark, row?.proven ?? 0n, rows),
  };
}

/** What the statements need of the configuration's flows; freshness in seconds. */
export function flowsAsJson(flows: Iterable<Flow>): string {
  return JSON.stringify(
    [...flows].map(({ name, entity, from, of, freshnessMs }) => ({
      flow: name,
      entity,
      sources: from,
      of,
      freshness: freshnessMs === undefined ? null : freshnessMs / 1_000,
    })),
  );
}

function nextMark(mark: Mark, proven: bigint, rows: readonly Row[]): Mark {
  const open = new Set<bigint>();
  for (const { ids } of rows) for (const id of ids ?? []) if (id <= proven) open.add(id);
  if (rows.every(({ ids }) => ids !== null) && open.size <= MOST_OPEN)
    return { floor: proven > mark.floor ? proven : mark.floor, open: [...open] };
  const first = rows.reduce((least, row) => (row.first < least ? row.first : least), rows[0]!.first);
  return { floor: first - 1n < proven ? first - 1n : proven, open: [] };
}
