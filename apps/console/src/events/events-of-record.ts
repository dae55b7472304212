import type { Queryable } from '#db';
import { unpublishedSql } from '../status/unpublished.ts';

/** One event of a record, or what was captured and is none (yet). */
export interface EventRow {
  event_id: string;
  outbox_id: bigint | null;
  source: string;
  type: string;
  entity: string;
  record_id: string;
  key: string;
  aggregate_version: bigint;
  source_version: bigint | null;
  occurred_at: Date | null;
  received_at: Date;
  appended_at: Date | null;
  receipt_id: string | null;
  source_event_id: string | null;
  /** waiting and rejected have no event; published and library have one */
  capture: 'waiting' | 'published' | 'rejected' | 'dismissed' | 'library';
  code: string | null;
  reason: string | null;
  /** stands in the outbox and not in the log */
  unpublished: boolean;
}

/** The events of keys, or with ids, each with what capture knows of it. */
const COLUMNS = `
  e.event_id, e.outbox_id, e.source, e.type, e.entity, e.record_id, e.key, e.aggregate_version, e.source_version, e.occurred_at,
  coalesce(c.captured_at, e.accepted_at) as received_at, e.appended_at, c.receipt_id, c.source_event_id,
  coalesce(c.status, 'library') as capture, c.code, c.reason,
  ${unpublishedSql('e.outbox_id')} as unpublished`;
const ONLY_CAPTURED = `
  c.event_id, null::bigint as outbox_id, c.connection as source, c.type, c.entity, c.record_id, c.key, c.aggregate_version,
  c.source_version, c.occurred_at, c.captured_at as received_at, null::timestamptz as appended_at, c.receipt_id, c.source_event_id,
  c.status as capture, c.code, c.reason, false as unpublished`;

/** More events of one record do not fit on a screen: the newest of them do. */
const MOST_EVENTS = 1_000;

/** `order by aggregate_version` is the order in which the record changed: versions follow arrival. */
const BY_KEY = `
  select * from (
    select ${COLUMNS} from crm_event e left join captured c on c.event_id = e.event_id
    where e.key = any($1::text[]) and e.replay_of is null
    union all
    select ${ONLY_CAPTURED} from captured c where c.key = any($1::text[]) and c.status <> 'published'
    order by aggregate_version desc, received_at desc limit ${MOST_EVENTS}
  ) as newest
  order by aggregate_version, received_at`;

export const eventsOfKeys = (db: Queryable, keys: readonly string[]): Promise<EventRow[]> =>
  db.query<EventRow>(BY_KEY, [keys]);

const BY_ID = `
  select ${COLUMNS} from outbox_event x
  join crm_event e on e.outbox_id = x.outbox_id
  left join captured c on c.event_id = e.event_id
  where x.event_id = any($1::uuid[]) and e.replay_of is null
  union all
  select ${ONLY_CAPTURED} from captured c where c.event_id = any($1::uuid[]) and c.status <> 'published'
  order by received_at desc`;

export const eventsOfIds = (db: Queryable, ids: readonly string[]): Promise<EventRow[]> =>
  db.query<EventRow>(BY_ID, [ids]);

/** Which of these keys anything is known of. */
const KNOWN = `
  select key from unnest($1::text[]) as k (key)
  where exists (select 1 from outbox o where o.key = k.key)
    or exists (select 1 from captured c where c.key = k.key)
    or exists (select 1 from delivery d where d.key = k.key)`;

export const knownKeys = async (db: Queryable, keys: readonly string[]): Promise<string[]> =>
  (await db.query<{ key: string }>(KNOWN, [keys])).map(({ key }) => key);

/** `order by outbox_id desc`: the newest first. The lateral limit keeps the page from being joined before it is cut. */
const NEWEST = `
  select ${COLUMNS} from (
    select * from crm_event where replay_of is null and ($1::bigint is null or outbox_id < $1)
      and ($2::text is null or entity = $2)
    order by outbox_id desc limit $3
  ) as e left join captured c on c.event_id = e.event_id
  order by e.outbox_id desc`;

export const newestEvents = (
  db: Queryable,
  page: { after?: bigint; entity?: string; limit: number },
): Promise<EventRow[]> => db.query<EventRow>(NEWEST, [page.after ?? null, page.entity ?? null, page.limit]);
