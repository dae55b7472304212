import type { MigrationInterface, QueryRunner } from 'typeorm';
import { TRANSITIONS } from '#contracts';

/** What changed nothing when it came may get a new revision: the ways that `TRANSITIONS` has gained, and what a dropped one goes back to. */
export class RevisionsOfWhatChangedNothing0011 implements MigrationInterface {
  name = 'RevisionsOfWhatChangedNothing1763900000011';

  async up(runner: QueryRunner): Promise<void> {
    const legal = Object.entries(TRANSITIONS)
      .flatMap(([from, to]) => to.map((status) => `('${from}', '${status}')`))
      .join(', ');
    await runner.query(`
      insert into delivery_transition ("from", "to") values ${legal} on conflict do nothing;
      -- the revision that was SKIPPED_NOCHANGE before a newer one came to wait
      alter table delivery add column unchanged_revision integer;
      -- a result said PARKED or DEAD, and none has said since how it ended
      alter table delivery add column failure_told boolean not null default false;
    `);
  }

  async down(): Promise<void> {
    throw new Error('migrations go forward only: restore a backup instead');
  }
}
