import type { MigrationInterface, QueryRunner } from 'typeorm';
import { DELIVERY_STATUSES, ERROR_CLASSES, FINISHED, TRANSITIONS } from '#contracts';

/**
 * Deliveries, their attempts, lanes and what they wait for. Only delivery writes here; console writes `command` rows and
 * reads. No history is pruned; what grows fastest is partitioned: revisions, attempts.
 */
export class Delivery0003 implements MigrationInterface {
  name = 'Delivery1763900000003';

  async up(runner: QueryRunner): Promise<void> {
    const quoted = (words: readonly string[]): string => words.map((word) => `'${word}'`).join(', ');
    const legal = Object.entries(TRANSITIONS)
      .flatMap(([from, to]) => to.map((status) => `('${from}', '${status}')`))
      .join(', ');
    await runner.query(`
      -- The ordered queue of one connection, document type and key.
      create table lane (
        id             bigint generated always as identity primary key,
        connection     text not null,
        document       text not null,
        key            text not null,
        token          bigint not null default 0,          -- grows with each claim and each command
        holder         text,                               -- process that holds the lease
        until          timestamptz,                        -- end of the lease
        due_at         timestamptz,                        -- null: nothing to do; else the earliest moment a claim makes sense; end of the lease while leased
        wake           boolean not null default false,     -- something came while the lane was leased: due at once when released
        ordered        boolean not null default false,     -- a person ordered its next request: it may use the reserve of the daily quota
        doubt          bigint,                             -- the delivery with an attempt open or in doubt: nothing else of the lane starts
        tainted_until  timestamptz,                        -- nothing with other bytes goes out before
        tainted_request bytea,                             -- sha256 of the request in doubt
        applied_source_version bigint,                     -- newest that took effect
        applied_version        bigint,
        applied_revision       integer,
        acknowledged   bytea,                              -- sha256 of the content the target last acknowledged
        cancelled      boolean not null default false,     -- withdrawn at the target
        posted         uuid,                               -- facts: document id of the live posting
        posted_delivery bigint,                            -- and whose attempt has its bytes: what a reversal is built from
        posted_revision integer,
        unique (connection, document, key)
      ) with (fillfactor = 70);
      create index lane_due on lane (connection, due_at) where due_at is not null;
      create index lane_ordered on lane (connection, due_at) where ordered;

      create sequence delivery_id as bigint;
      create table delivery (
        id                bigint primary key default nextval('delivery_id'),
        lane_id           bigint not null,
        document_id       uuid not null,                   -- request key of the first revision
        event_id          uuid not null,                   -- the original event
        event_type        text not null,
        source            text not null,
        flow              text not null,
        connection        text not null,
        document          text not null,
        key               text not null,
        tenant            text not null,
        entity            text not null,
        record_id         text not null,
        aggregate_version bigint not null,
        source_version    bigint,
        kind              text not null check (kind in ('document', 'withdraw', 'ignored', 'rejected')),
        status            text not null default 'PENDING' check (status in (${quoted(DELIVERY_STATUSES)})),
        error_class       text check (error_class in (${quoted(ERROR_CLASSES)})),
        error             text,                            -- one line, normalised, no payload
        revision          integer not null default 1,
        delivered_revision integer,
        bundle            text not null,
        fan_out           integer not null,
        attempts          integer not null default 0,      -- those that count
        attempt_n         integer not null default 0,      -- rows in attempt
        step              integer not null default 0,      -- rung of the retry ladder
        next_attempt_at   timestamptz,
        review            text,
        reason            text,                            -- why a marker: what the mapping said
        waiting_for       jsonb,                           -- what a hold waits for, in words and keys
        hop_count         integer not null default 0,
        correlation_id    text,
        replay_of         uuid,
        traceparent       text,
        amount            numeric(38, 9),
        currency          text,
        target_id         text,
        adopted           boolean not null default false,
        reversed          boolean not null default false,  -- facts: the reversal is done, the new posting is not yet
        reported          text,                            -- what the last result said while it is parked or dead
        topic             text not null,
        "partition"       integer not null,
        "offset"          bigint not null,
        event_topic       text not null,
        event_partition   integer not null,
        event_offset      bigint not null,
        event_logged_at   timestamptz not null,
        accepted_at       timestamptz not null,            -- where lag starts
        created_at        timestamptz not null default clock_timestamp(),
        changed_at        timestamptz not null default clock_timestamp(),
        finished_at       timestamptz,
        result_version    bigint not null default 0
      ) with (fillfactor = 70);
      create index delivery_lane_open on delivery (lane_id, aggregate_version) where status not in (${quoted([...FINISHED])});
      create index delivery_open on delivery (flow, accepted_at) where status not in (${quoted([...FINISHED])});
      create index delivery_event on delivery (event_id);
      create index delivery_record on delivery (key);
      create index delivery_target on delivery (connection, target_id) where target_id is not null;

      -- Dedupe of intake: one delivery per original event and flow. Never pruned.
      create table delivery_key (
        event_id    uuid not null,
        flow        text not null,
        delivery_id bigint not null,
        body_hash   bytea not null,
        repeats     integer not null default 0,            -- redeliveries
        differing   integer not null default 0,            -- redeliveries with other content
        primary key (event_id, flow)
      );

      -- What is to be sent, per revision: the mapped document with its open fields. Kept as long as the delivery.
      create table revision (
        delivery_id bigint not null,
        n           integer not null,
        kind        text not null default 'document',
        body        text,                                  -- exact JSON, null for a marker
        open        jsonb not null default '[]',
        create_only jsonb not null default '[]',
        content_hash bytea,                                -- of all that decides what is sent: is a replay new content?
        origin      text not null default 'mapped' check (origin in ('mapped', 'edit', 'replay')),
        bundle      text,
        command_id  uuid,
        created_at  timestamptz not null default clock_timestamp(),
        primary key (delivery_id, n)
      ) partition by range (delivery_id);
      create table revision_1 partition of revision for values from (minvalue) to (5000001);
      create table revision_default partition of revision default;

      -- One row per request, committed before any byte leaves.
      create table attempt (
        delivery_id  bigint not null,
        n            integer not null,
        revision     integer not null,
        operation    text not null,                        -- write, create, update, cancel, reverse
        request_key  text not null,
        target_id    text,
        body         text,                                 -- frozen: a resend is byte-identical
        request_hash bytea not null,                       -- of operation and bytes: what taints a lane
        content_hash bytea not null,                       -- of the content without createOnly fields: what is acknowledged
        token        bigint not null,
        holder       text not null,
        started_at   timestamptz not null default clock_timestamp(),
        ended_at     timestamptz,
        gave_up_at   timestamptz not null,                 -- when we stopped waiting, at first the latest moment for a crash: settle time counts from here
        outcome      text,                                 -- null while open: done, duplicate, retry, in-doubt, rejected, not-sent
        doubt        text check (doubt in ('open', 'happened', 'absent', 'person')),
        looked_at    timestamptz,                          -- first empty look
        late_outcome text,                                 -- the answer that came under a stale token: done, rejected, not-sent
        late_target_id text,
        counts       boolean not null default true,
        error_class  text,
        error        text,
        http_status  integer,
        evidence     jsonb not null default '[]',          -- looks and late answers: what was asked, answered, when
        primary key (delivery_id, n)
      ) partition by range (delivery_id);
      create table attempt_1 partition of attempt for values from (minvalue) to (5000001);
      create table attempt_default partition of attempt default;
      create index attempt_open on attempt (delivery_id) where outcome is null or doubt = 'open';
      create index attempt_started on attempt (started_at);

      -- The ledger of what took effect. Never pruned.
      create table applied (
        connection        text not null,
        document          text not null,
        key               text not null,
        aggregate_version bigint not null,
        revision          integer not null,
        operation         text not null,
        delivery_id       bigint not null,
        document_id       uuid not null,
        target_id         text,
        body_hash         bytea,
        applied_at        timestamptz not null default clock_timestamp(),
        primary key (connection, document, key, aggregate_version, revision, operation)
      );

      -- What held deliveries wait for. Holding and binding both lock this row first.
      create table dependency (
        id         bigint generated always as identity primary key,
        connection text not null,
        kind       text not null check (kind in ('reference', 'value')),
        name       text not null,                          -- document type, or value set
        key        text not null,                          -- record key, or the value to be mapped
        bound_at   timestamptz,
        since      timestamptz not null default clock_timestamp(),
        unique (connection, kind, name, key)
      );
      create table dependency_wait (
        dependency_id bigint not null references dependency (id),
        delivery_id   bigint not null,
        since         timestamptz not null default clock_timestamp(),
        primary key (dependency_id, delivery_id)
      );
      create index dependency_wait_delivery on dependency_wait (delivery_id);

      create table xref (
        connection text not null,
        document   text not null,
        key        text not null,
        target_id  text not null,
        bound_at   timestamptz not null default clock_timestamp(),
        bound_by   text not null,                          -- delivery id, or the person
        primary key (connection, document, key)
      );
      create index xref_target on xref (connection, target_id);

      create table value_map (
        connection text not null,                          -- '' where one map serves all
        set        text not null,
        from_value text not null,
        to_value   text not null,
        changed_at timestamptz not null default clock_timestamp(),
        changed_by text not null,
        primary key (connection, set, from_value)
      );

      create table connection_state (
        connection     text primary key,
        state          text not null default 'active' check (state in ('active', 'paused', 'needs_reauth')),
        breaker        text not null default 'closed' check (breaker in ('closed', 'open', 'half-open')),
        breaker_since  timestamptz not null default clock_timestamp(),
        probe_at       timestamptz,
        probe_holder   text,
        probe_count    integer not null default 0,
        held_until     timestamptz,                        -- Retry-After holds the whole connection
        rate_at        timestamptz not null default '-infinity', -- when the next request may begin, were there no burst
        rate_low       float8,                             -- requests per minute after the target throttled us last; null: never
        rate_top       float8,                             -- the rate before that: reached again, nothing is limited any more
        rate_step      float8,                             -- what is added each second
        rate_since     timestamptz,                        -- from when on
        rate_lowered_at timestamptz,                       -- requests begun before or just after do not lower it again
        quota_used     integer not null default 0,         -- requests since the last midnight of the connection's zone
        quota_resets_at timestamptz not null default '-infinity',
        quota_most     integer,                            -- how many of them are for deliveries; null: no quota
        reason         text,
        changed_at     timestamptz not null default clock_timestamp()
      );

      -- Requests per minute that a throttled connection takes at this moment; null: as many as are configured.
      create function connection_rate(at connection_state) returns float8 language sql stable as $$
        select case when x.rate < at.rate_top then x.rate end
          from (select at.rate_low + at.rate_step * greatest(0, extract(epoch from clock_timestamp() - at.rate_since))::float8 as rate) x
      $$;

      -- Concurrency shared by all processes: a process may have as many requests open as it holds rows.
      create table connection_slot (
        connection text not null,
        n          integer not null,
        holder     text,
        until      timestamptz,
        primary key (connection, n)
      );

      -- Processes that have work for a connection: its slots are shared evenly between them.
      create table connection_member (
        connection text not null,
        holder     text not null,
        until      timestamptz not null,
        primary key (connection, holder)
      );

      -- Delivery processes: each holds a session lock under its name, which ends with it.
      create table delivery_process (
        holder    text primary key,
        locked_at timestamptz not null
      );

      create table flow_state (
        flow       text primary key,
        state      text not null default 'running' check (state in ('running', 'paused')),
        reason     text,
        changed_at timestamptz not null default clock_timestamp()
      );

      -- What people order. Console writes, the stage addressed executes and writes the answer.
      create table command (
        id         uuid primary key default gen_random_uuid(),
        stage      text not null,                          -- delivery, relay, capture
        kind       text not null,                          -- retry, resolve, edit, cancel, bind, fill, pause, resume, replay
        target     jsonb not null,
        actor      text not null,
        reason     text not null,
        created_at timestamptz not null default clock_timestamp(),
        status     text not null default 'waiting' check (status in ('waiting', 'done', 'refused')),
        result     jsonb,
        done_at    timestamptz
      );
      create index command_waiting on command (stage, created_at) where status = 'waiting';

      -- Replays: rows of the outbox under ids of their own, and what each flow's record found when it came in.
      create table replay (
        event_id   uuid primary key,                       -- the replay's own
        replay_of  uuid not null,
        command_id uuid not null,
        resend     boolean not null,                       -- what was delivered and differs by now is sent again
        created_at timestamptz not null default clock_timestamp()
      );
      create index replay_command on replay (command_id);
      create table replay_outcome (
        event_id    uuid not null,
        flow        text not null,
        delivery_id bigint,
        outcome     text not null check (outcome in ('revised', 'taken', 'nothing')),
        revision    integer,
        note        text,                                  -- why nothing
        at          timestamptz not null default clock_timestamp(),
        primary key (event_id, flow)
      );

      -- Events that no flow wants, and dead letters of every topic: stored by delivery's intake so that everything is accounted for.
      create table unrouted (
        event_id  uuid primary key,
        source    text not null,
        entity    text not null,
        key       text not null,
        stored_at timestamptz not null default clock_timestamp()
      );
      create table dead_letter (
        topic       text not null,                         -- the original one
        "partition" integer not null,
        "offset"    bigint not null,
        event_id    uuid,
        key         text,
        stage       text not null,
        reason      text not null,
        headers     jsonb not null,
        value       bytea,
        stored_at   timestamptz not null default clock_timestamp(),
        primary key (topic, "partition", "offset")
      );
      create index dead_letter_event on dead_letter (event_id) where event_id is not null;

      -- Results count their own versions per record and target.
      create table result_version (
        key     text primary key,
        version bigint not null
      );

      -- The database refuses what the table of transitions in code does not list.
      create table delivery_transition (
        "from" text not null,
        "to"   text not null,
        primary key ("from", "to")
      );
      insert into delivery_transition ("from", "to") values ${legal};
      create function delivery_guard() returns trigger language plpgsql as $$
      begin
        if not exists (select 1 from delivery_transition t where t."from" = old.status and t."to" = new.status) then
          raise exception 'delivery %: % may not become %', old.id, old.status, new.status using errcode = 'CD001';
        end if;
        return new;
      end $$;
      create trigger delivery_guard before update of status on delivery
        for each row when (old.status is distinct from new.status) execute function delivery_guard();
    `);
  }

  async down(): Promise<void> {
    throw new Error('migrations go forward only: restore a backup instead');
  }
}
