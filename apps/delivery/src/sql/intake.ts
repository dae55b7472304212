import type { Statement } from '#db';

export interface IntakeRow {
  document_id: string;
  event_id: string;
  event_type: string;
  source: string;
  flow: string;
  connection: string;
  document: string;
  key: string;
  tenant: string;
  entity: string;
  record_id: string;
  aggregate_version: string;
  source_version: string | null;
  kind: string;
  bundle: string;
  fan_out: number;
  review: string | null;
  reason: string | null;
  hop_count: number;
  correlation_id: string;
  traceparent: string | null;
  amount: string | null;
  currency: string | null;
  topic: string;
  partition: number;
  offset: string;
  event_topic: string;
  event_partition: number;
  event_offset: string;
  event_logged_at: string;
  accepted_at: string;
  body: string | null;
  body_hash: string;
  open: string;
  create_only: string;
  /** more of the same within this batch */
  repeats: number;
  differing: number;
}

/** Lanes for connections $1, documents $2, keys $3. Sorted: two batches cannot lock in opposite orders. */
export const ENSURE_LANES: Statement = {
  name: 'delivery-ensure-lanes',
  text: `
insert into lane (connection, document, key)
select distinct * from unnest($1::text[], $2::text[], $3::text[]) as x(connection, document, key) order by 1, 2, 3
on conflict do nothing`,
};

export interface TakenRow {
  lane_id: bigint;
  connection: string;
  flow: string;
}

/**
 * Stores the documents $1 (JSON list of `IntakeRow`): the first of each (event, flow) wins, a repeat is counted, a differing
 * repeat too. Answers with what is new. Locks no lane: waking them is a statement of its own.
 */
export const TAKE_IN: Statement = {
  name: 'delivery-take-in',
  text: `
with input as (
  select nextval('delivery_id') as id, x.* from json_to_recordset($1::json) as x(
    document_id uuid, event_id uuid, event_type text, source text, flow text, connection text, document text, key text,
    tenant text, entity text, record_id text, aggregate_version bigint, source_version bigint, kind text, bundle text,
    fan_out integer, review text, reason text, hop_count integer, correlation_id text, traceparent text, amount numeric,
    currency text, topic text, "partition" integer, "offset" bigint, event_topic text, event_partition integer,
    event_offset bigint, event_logged_at timestamptz, accepted_at timestamptz, body text, body_hash text, open text,
    create_only text, repeats integer, differing integer)
), known as (
  insert into delivery_key as k (event_id, flow, delivery_id, body_hash, repeats, differing)
  select event_id, flow, id, decode(body_hash, 'hex'), repeats, differing from input order by event_id, flow
  on conflict (event_id, flow) do update set repeats = k.repeats + 1 + excluded.repeats,
     differing = k.differing + excluded.differing + (k.body_hash <> excluded.body_hash)::int
  returning k.delivery_id
), fresh as (
  select i.*, l.id as lane_id from input i join known k on k.delivery_id = i.id
    cross join lateral (select id from lane l where l.connection = i.connection and l.document = i.document and l.key = i.key limit 1) l
), stored as (
  insert into delivery (id, lane_id, document_id, event_id, event_type, source, flow, connection, document, key, tenant, entity,
    record_id, aggregate_version, source_version, kind, bundle, fan_out, review, reason, hop_count, correlation_id, traceparent,
    amount, currency, topic, "partition", "offset", event_topic, event_partition, event_offset, event_logged_at, accepted_at)
  select id, lane_id, document_id, event_id, event_type, source, flow, connection, document, key, tenant, entity,
    record_id, aggregate_version, source_version, kind, bundle, fan_out, review, reason, hop_count, correlation_id, traceparent,
    amount, currency, topic, "partition", "offset", event_topic, event_partition, event_offset, event_logged_at, accepted_at
    from fresh
), bodies as (
  insert into revision (delivery_id, n, kind, body, open, create_only, content_hash, bundle)
  select id, 1, kind, body, open::jsonb, create_only::jsonb, decode(body_hash, 'hex'), bundle from fresh
)
select lane_id, connection, flow from fresh`,
};

/**
 * Wakes lanes $1: due at once, or as soon as their holder releases them. One that is due already keeps its turn: a busy record would
 * else be put behind everybody with each arrival. Ordered by id like every lock of several lanes.
 */
export const WAKE_LANES: Statement = {
  name: 'delivery-wake-lanes',
  text: `
update lane l set wake = true, due_at = case when l.holder is null then least(l.due_at, clock_timestamp()) else l.due_at end
  from (select id from lane where id = any($1::bigint[]) order by id for update) o where l.id = o.id`,
};
