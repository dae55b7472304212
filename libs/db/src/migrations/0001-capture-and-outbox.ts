import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * What comes in and how it reaches the log.
 *
 * Who writes: capture `captured`, `captured_payload`, `captured_key`, `normalise_lease`; capture, the outbox library and
 * delivery `aggregate_version`, `outbox`, `outbox_event`; relay `relay_cursor`, `relay_set_aside`.
 */
export class CaptureAndOutbox0001 implements MigrationInterface {
  name = 'CaptureAndOutbox1763900000001';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      -- One row per business record: its row lock orders everything that happens to the record.
      create table aggregate_version (
        key            text primary key,                 -- {tenant}:{entity}:{record id}
        version        bigint not null,                  -- last drawn aggregateversion
        source_version bigint,                           -- last known sourceversion
        xid            xid8 not null default pg_current_xact_id(),
        inherited_hops integer not null default 0        -- what the event with this version inherited from own_write
      ) with (fillfactor = 80);

      -- Records that we wrote to in their source (write-back): what their events inherit until one came back that changed nothing.
      -- A table of its own, written by delivery: reading it waits for nobody.
      create table own_write (
        key  text primary key,                           -- record key
        hops integer not null                            -- the write's hop count plus one
      ) with (fillfactor = 70);

      -- What was received and could be split into events. Payloads stand apart and are pruned; this stays.
      create sequence captured_id as bigint;
      create table captured (
        id                bigint primary key default nextval('captured_id'),
        receipt_id        uuid not null default gen_random_uuid(),
        tenant            text not null,
        connection        text not null,
        source_event_id   text not null,
        type              text not null,
        entity            text not null,
        record_id         text not null,                 -- idPrefix included
        key               text not null,                 -- record key
        aggregate_version bigint not null,               -- drawn on arrival
        source_version    bigint,
        event_id          uuid not null,                 -- derived from the fact
        hop_count         integer not null default 0,    -- inherited from our own write to the record
        occurred_at       timestamptz,
        traceparent       text,
        captured_at       timestamptz not null default clock_timestamp(),
        status            text not null default 'waiting' check (status in ('waiting', 'published', 'rejected', 'dismissed')),
        outbox_id         bigint,
        code              text,                          -- why rejected: CROSSDOCK_CAPTURE_...
        reason            text,                          -- for people; no payload
        decided_at        timestamptz
      );
      create index captured_waiting on captured (id) where status = 'waiting';
      create index captured_waiting_key on captured (key, aggregate_version) where status = 'waiting';
      create index captured_rejected on captured (id) where status = 'rejected';
      create index captured_dismissed on captured (id) where status = 'dismissed'; -- rejected, and given up by a person
      create index captured_key_version on captured (key, aggregate_version);
      create index captured_event on captured (event_id);

      -- Dedupe: narrow, never pruned.
      create table captured_key (
        tenant          text not null,
        connection      text not null,
        source_event_id text not null,
        captured_id     bigint not null,
        receipt_id      uuid not null,
        fingerprint     bytea not null,
        primary key (tenant, connection, source_event_id)
      );

      -- Same id, other content: the first stands, the later is recorded, once per content.
      create table captured_conflict (
        id               bigint generated always as identity primary key,
        captured_id      bigint not null,
        fingerprint      bytea not null,
        body             text not null,
        times            bigint not null default 1,
        received_at      timestamptz not null default clock_timestamp(),
        last_received_at timestamptz not null default clock_timestamp(),
        unique (captured_id, fingerprint)
      );

      create table captured_payload (
        captured_id bigint not null,
        body        text not null,                        -- exact JSON text of the record, as sent (escapes included)
        primary key (captured_id)
      ) partition by range (captured_id);
      create table captured_payload_1 partition of captured_payload for values from (minvalue) to (5000001);
      create table captured_payload_default partition of captured_payload default;

      -- One normaliser at a time per record; the token fences a stale one.
      create sequence normalise_token as bigint;           -- a token is never used twice, though leases are deleted
      create table normalise_lease (
        key     text primary key,
        token   bigint not null,
        until   timestamptz not null
      );

      -- The outbox. Append-only: no status, no updates; also the archive. The names are those Debezium's event router expects.
      create sequence outbox_id as bigint cache 1;
      create table outbox (
        id            bigint not null default nextval('outbox_id'),
        event_id      uuid not null,
        aggregatetype text not null,                      -- entity
        aggregateid   text not null,                      -- record id
        type          text not null,                      -- event type
        topic         text not null,
        key           text not null,                      -- record key
        headers       jsonb not null,                     -- envelope as ce_* headers
        payload       bytea,
        appended_at   timestamptz not null default clock_timestamp(),
        primary key (id)
      ) partition by range (id);
      create table outbox_1 partition of outbox for values from (minvalue) to (5000001);
      create table outbox_default partition of outbox default;
      create index outbox_key on outbox (key, id);

      -- Event ids, never pruned: a repeated append of the same fact finds itself here.
      create table outbox_event (
        event_id  uuid primary key,
        outbox_id bigint not null
      );

      -- Progress of the relay: highest id read and the set of open gaps; the epoch fences a stale leader.
      create table relay_cursor (
        shard      integer primary key,
        epoch      bigint not null default 0,
        high       bigint not null default 0,
        gaps       jsonb not null default '[]',            -- [{from, to, xid, proven}]: ids not seen yet, as ranges
        asleep     boolean not null default false,         -- an append notifies only then
        published  bigint not null default 0,              -- rows handed to the log, ever
        beat_at    timestamptz not null default clock_timestamp(),  -- the leader is alive
        moved_at   timestamptz not null default clock_timestamp()   -- last time rows were published
      ) with (fillfactor = 10);
      insert into relay_cursor (shard) values (0);

      create table relay_set_aside (
        id           bigint primary key,                   -- outbox id
        key          text not null,
        reason       text not null,
        set_aside_at timestamptz not null default clock_timestamp(),
        released_at  timestamptz,
        published_at timestamptz
      );
      create index relay_set_aside_key on relay_set_aside (key) where published_at is null;
    `);
  }

  async down(): Promise<void> {
    throw new Error('migrations go forward only: restore a backup instead');
  }
}
