import type { MigrationInterface, QueryRunner } from 'typeorm';
import { FINISHED, TRANSITIONS } from '#contracts';

/**
 * What a delivery costs in PostgreSQL. A row of which no column changes that an index, or its predicate, names is rewritten on
 * its own page and in no index. So the indexes name `ended`, which changes once, and not `status`, which changes
 * with each attempt.
 */
export class CheapDeliveries0009 implements MigrationInterface {
  name = 'CheapDeliveries1763900000009';

  async up(runner: QueryRunner): Promise<void> {
    const finished = [...FINISHED].map((status) => `'${status}'`).join(', ');
    const legal = Object.entries(TRANSITIONS)
      .flatMap(([from, to]) => to.map((status) => `'${from} ${status}'`))
      .join(', ');
    await runner.query(`
      -- the status once it is a final one; null: unfinished
      alter table delivery add column ended text generated always as (case when status in (${finished}) then status end) stored;
      drop index delivery_lane_open;
      drop index delivery_open;
      drop index delivery_by_status;
      -- By lane for delivery; as a whole for whoever counts and shows what is unfinished.
      create index delivery_lane_open on delivery (lane_id, aggregate_version) where ended is null;
      -- Counting what is finished and paging through it: read from the index alone.
      create index delivery_ended on delivery (ended, flow, id) include (adopted) where ended is not null;

      -- Attempts are found by their delivery, which the primary key begins with.
      drop index attempt_open;
      alter table attempt_1 set (fillfactor = 50);
      alter table attempt_default set (fillfactor = 50);
      -- null together with body_of_revision: the bytes are those of the revision, as they are most of the time
      alter table attempt add column body_of_revision boolean not null default false;

      -- With the connection in front it was as good as the primary key to a plan made while the table was empty, which then read all
      -- records of a connection for each lane.
      drop index xref_target;
      create index xref_target on xref (target_id, connection);
      alter table xref set (fillfactor = 70);
      alter table dependency set (fillfactor = 70);
      alter table result_version set (fillfactor = 70);

      -- The same refusal of what the table of transitions does not list, for the price of a comparison: the function asks the
      -- table only about steps that were not legal when this was written. After the update, because one before it locks the row first.
      drop trigger delivery_guard on delivery;
      create trigger delivery_guard after update of status on delivery
        for each row when (old.status is distinct from new.status and (old.status || ' ' || new.status) <> all (array[${legal}]))
        execute function delivery_guard();
    `);
  }

  async down(): Promise<void> {
    throw new Error('migrations go forward only: restore a backup instead');
  }
}
