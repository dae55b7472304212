import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Replays of any size: their events stand in a table of their own and are taken from it a part at a time. */
export class LargeReplays0007 implements MigrationInterface {
  name = 'LargeReplays1763900000007';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      -- An order that is executed in parts lets others go first: its next part is due then.
      alter table command add column due_at timestamptz not null default clock_timestamp();

      -- The events that a replay has still to send through, written with the order; whoever sends a part takes it out.
      create table command_event (
        command_id uuid not null references command on delete cascade,
        n          bigint not null,                        -- oldest first
        event_id   uuid not null,
        primary key (command_id, n)
      );
    `);
  }

  async down(): Promise<void> {
    throw new Error('migrations go forward only: restore a backup instead');
  }
}
