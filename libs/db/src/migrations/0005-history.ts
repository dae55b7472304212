import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Whether this database still is the one that our log, our files and the targets know: after a restore to an earlier
 * point, or a failover that lost commits, nothing may be sent until somebody has looked. Written by relay (marks, doubt)
 * and by `crossdock restore`.
 */
export class History0005 implements MigrationInterface {
  name = 'History1763900000005';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      create table history (
        one               boolean primary key default true check (one),
        id                uuid,                              -- drawn with the first mark
        generation        integer not null default 0,        -- grows with each doubt
        mark              bigint not null default 0,         -- grows while a relay lives, and is then written down outside; 0: never
        marked_at         timestamptz,
        -- what served the newest mark: another one may have been put in its place
        system_identifier text,
        timeline          text,
        table_oid         oid,                               -- of this table: a restored dump has another one
        database_oid      oid,
        server_started_at timestamptz,
        state             text not null default 'trusted' check (state in ('trusted', 'doubted')),
        reason            text,                              -- why it is doubted
        doubted_at        timestamptz,
        vouched_until     timestamptz,                       -- when doubt came: time of the newest mark in here
        witnessed_until   timestamptz,                       -- time of the newest mark outside; null: none is newer
        reported_at       timestamptz,
        report            jsonb,
        accepted_at       timestamptz,
        look_until        timestamptz                        -- until then nothing is created at a target without a look
      );
      insert into history default values;

      -- Asked by whatever claims or begins an attempt. A server that was started anew must be vouched for first: it may
      -- be an older one. A database that no relay ever marked has no history to lose.
      create function may_send() returns boolean language sql stable as $$
        select mark = 0 or (state = 'trusted' and server_started_at = pg_postmaster_start_time()
          and database_oid = (select oid from pg_database where datname = current_database())
          and table_oid = 'crossdock.history'::regclass)
        from crossdock.history
      $$;
      -- Asked by whatever draws versions: those of the lost part must be known first.
      create function may_draw() returns boolean language sql stable as $$
        select state = 'trusted' or reported_at is not null from crossdock.history
      $$;
      -- Asked by whatever notes how far a topic was read: in memory a reader may be ahead of a log that went back with its
      -- database. Doubt takes the readers' leases away; what they take anew begins where this database says.
      create function may_commit() returns boolean language sql stable as $$
        select mark = 0 or state = 'doubted' or server_started_at = pg_postmaster_start_time() from crossdock.history
      $$;
    `);
  }

  async down(): Promise<void> {
    throw new Error('migrations go forward only: restore a backup instead');
  }
}
