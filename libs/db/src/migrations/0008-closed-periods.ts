import type { MigrationInterface, QueryRunner } from 'typeorm';
import { TRANSITIONS } from '#contracts';

/** What is held for a closed period is tried again by itself: the database is told of the ways that `TRANSITIONS` has gained. */
export class ClosedPeriods0008 implements MigrationInterface {
  name = 'ClosedPeriods1763900000008';

  async up(runner: QueryRunner): Promise<void> {
    const legal = Object.entries(TRANSITIONS)
      .flatMap(([from, to]) => to.map((status) => `('${from}', '${status}')`))
      .join(', ');
    await runner.query(`insert into delivery_transition ("from", "to") values ${legal} on conflict do nothing`);
  }

  async down(): Promise<void> {
    throw new Error('migrations go forward only: restore a backup instead');
  }
}
