import type { MigrationInterface, QueryRunner } from 'typeorm';

/** A topic that is made anew begins with offset 0 again: a place says no longer which of two dead letters is meant. */
export class DeadLettersOfTopicsMadeAnew0010 implements MigrationInterface {
  name = 'DeadLettersOfTopicsMadeAnew1763900000010';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      alter table dead_letter drop constraint dead_letter_pkey;
      -- Where and of which event; what belongs to none is told apart by its bytes. A version before this one inserts as before: it names
      -- no key when it passes over what is there.
      create unique index dead_letter_once on dead_letter
        (topic, "partition", "offset", event_id, (case when event_id is null then sha256(value) end)) nulls not distinct;
    `);
  }

  async down(): Promise<void> {
    throw new Error('migrations go forward only: restore a backup instead');
  }
}
