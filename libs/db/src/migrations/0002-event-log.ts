import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * The event log on PostgreSQL. Only libs/event-log reads and writes these tables; everybody else sees its port.
 */
export class EventLog0002 implements MigrationInterface {
  name = 'EventLog1763900000002';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      -- What a topic was declared as; drift is refused at start-up.
      create table log_topic (
        topic             text primary key,
        partitions        integer not null check (partitions > 0),
        retention_ms      bigint not null,
        max_message_bytes integer not null
      );

      -- Appending locks these rows in ascending order: offset order is commit order, without holes.
      create table log_partition (
        topic         text not null references log_topic,
        partition     integer not null,
        next_offset   bigint not null default 0,         -- offset of the next record
        low_watermark bigint not null default 0,         -- first offset that retention has left
        primary key (topic, partition)
      ) with (fillfactor = 50);

      create table log_record (
        topic       text not null,
        partition   integer not null,
        "offset"    bigint not null,
        key         text not null,
        value       bytea,                               -- null: a marker
        headers     jsonb not null,
        appended_at timestamptz not null default clock_timestamp(),
        primary key (topic, partition, "offset")
      );
      -- values are framed Avro or JSON of a few hundred bytes to 2 MiB; compression costs more than it saves here
      alter table log_record alter column value set storage external;

      -- A member says that it lives; who is missing at "until" loses its partitions.
      create table log_group_member (
        group_name text not null,
        member     uuid not null,
        topics     text[] not null,
        until      timestamptz not null,
        primary key (group_name, member)
      );

      -- Who reads a partition for a group. A new token with each owner: the old one's commits change nothing.
      create sequence log_lease_token;
      create table log_group_lease (
        group_name text not null,
        topic      text not null,
        partition  integer not null,
        member     uuid not null,
        token      bigint not null,
        until      timestamptz not null,
        primary key (group_name, topic, partition)
      ) with (fillfactor = 50);

      create table log_offset (
        group_name text not null,
        topic      text not null,
        partition  integer not null,
        committed  bigint not null,                      -- offset of the next record to handle
        primary key (group_name, topic, partition)
      ) with (fillfactor = 50);
    `);
  }

  async down(): Promise<void> {
    throw new Error('migrations only go forward');
  }
}
