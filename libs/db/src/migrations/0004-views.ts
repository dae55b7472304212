import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What the console reads. Views name things once; the indexes are those that only its questions need. */
export class Views0004 implements MigrationInterface {
  name = 'Views1763900000004';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      -- An event of the CRM, whichever way it came in; replays are rows with replay_of.
      create view crm_event as
        select o.id as outbox_id, o.event_id, o.aggregatetype as entity, o.aggregateid as record_id, o.type, o.topic, o.key,
          o.headers->>'ce_source' as source,
          (o.headers->>'ce_aggregateversion')::bigint as aggregate_version,
          (o.headers->>'ce_sourceversion')::bigint as source_version,
          (o.headers->>'ce_time')::timestamptz as occurred_at,
          coalesce((o.headers->>'ce_acceptedat')::timestamptz, o.appended_at) as accepted_at,
          o.appended_at,
          (o.headers->>'ce_replayof')::uuid as replay_of
        from outbox o
        where o.topic like 'crm.%';

      -- What flows may want: events of the CRM, and results, which some flows write back.
      create view flow_event as
        select outbox_id, event_id, entity, source, null::text as flow, accepted_at, replay_of from crm_event
        union all
        select o.id, o.event_id, o.aggregatetype, o.headers->>'ce_source', o.headers->>'ce_flow',
          coalesce((o.headers->>'ce_acceptedat')::timestamptz, o.appended_at), null
        from outbox o
        where o.topic = 'sync.result.v1';

      -- What the relay has not handed to the log: above its cursor, in its gaps, or set aside behind a row the log refused.
      create view outbox_unpublished as
        select o.id as outbox_id from relay_cursor c join outbox o on o.id > c.high
        union all
        select o.id from relay_cursor c
          cross join lateral jsonb_array_elements(c.gaps) as gap
          join outbox o on o.id between (gap->>'from')::bigint and (gap->>'to')::bigint
        union all
        select s.id from relay_set_aside s where s.published_at is null;

      -- Counting by status and paging within one status: read from the index alone. (0009 has another instead.)
      create index delivery_by_status on delivery (status, flow, id) include (adopted);
      -- Which events passed their freshness between two looks.
      create index delivery_accepted on delivery (flow, accepted_at);

      -- Order numbers by record, filled by the console from the events it has not looked at yet.
      create table record_number (
        entity    text not null,
        number    text not null,
        key       text not null,                           -- record key
        outbox_id bigint not null,                         -- newest event that said so
        primary key (entity, number, key)
      );
      create index record_number_number on record_number (number);
      create table record_number_cursor (
        one  boolean primary key default true check (one),
        high bigint not null default 0
      );
      insert into record_number_cursor default values;
    `);
  }

  async down(): Promise<void> {
    throw new Error('migrations go forward only: restore a backup instead');
  }
}
