import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Several relays share the outbox by record key; as many as `relay_cursor` has rows, one from the start. */
export class RelayShards0006 implements MigrationInterface {
  name = 'RelayShards1763900000006';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      -- Which of so many relays publishes the rows of a key.
      create function relay_shard(key text, shards integer) returns integer language sql immutable parallel safe as $$
        select case when shards = 1 then 0 else (hashtext(key) & 2147483647) % shards end
      $$;

      -- What the relays have not handed to the log: above the lowest cursor, in somebody's gaps, or set aside. With several
      -- shards it may count for a moment what its own relay has published and another one has not passed yet.
      create or replace view outbox_unpublished as
        select o.id as outbox_id from outbox o where o.id > (select min(high) from relay_cursor)
        union
        select o.id from relay_cursor c
          cross join lateral jsonb_array_elements(c.gaps) as gap
          join outbox o on o.id between (gap->>'from')::bigint and (gap->>'to')::bigint
        union
        select s.id from relay_set_aside s where s.published_at is null;
    `);
  }

  async down(): Promise<void> {
    throw new Error('migrations go forward only: restore a backup instead');
  }
}
