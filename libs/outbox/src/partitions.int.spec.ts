import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Database } from '#db';
import { clonedDatabase, type ClonedDatabase } from '#testing';
import { prunePartitions, type Partitioned } from './partitioned.ts';
import { extendOutbox, pruneOutbox } from './partitions.ts';

const OUTBOX: Partitioned = {
  table: 'outbox',
  column: 'id',
  sequence: 'outbox_id',
  size: 5_000_000n,
  ahead: 1_000_000n,
  lock: 7_236_004,
};

describe('the partitions of the outbox', () => {
  let clone: ClonedDatabase;
  beforeEach(async () => {
    clone = await clonedDatabase();
  });
  afterEach(() => clone.close());

  const insert = (id: bigint, age = '0 days', topic = 't'): Promise<unknown> =>
    clone.database.query(
      `insert into outbox (id, event_id, aggregatetype, aggregateid, type, topic, key, headers, appended_at)
       values ($1, gen_random_uuid(), 'order', '1', 't', $3, 'k', '{}', now() - $2::interval)`,
      [id, age, topic],
    );
  const home = async (id: bigint): Promise<string> =>
    (
      await clone.database.query<{ home: string }>(
        'select tableoid::regclass::text as home from outbox where id = $1',
        [id],
      )
    )[0]!.home;

  it('are made before they are needed, one at a time, by whoever comes first', async () => {
    expect(await extendOutbox(clone.database)).toEqual([]);
    await clone.database.query("select setval('outbox_id', 4999990)");
    const made = await Promise.all([extendOutbox(clone.database), extendOutbox(clone.database)]);
    expect(made.flat()).toEqual(['outbox_2']);
    await insert(5_000_001n);
    expect(await home(5_000_001n)).toBe('outbox_2');
  });

  it('begin with the default one if rows strayed into it: none is moved, and an empty one takes its place', async () => {
    const rows = (): Promise<unknown> =>
      clone.database.query('select id, xmin::text, ctid::text from outbox order by id');
    await insert(5_000_001n);
    await insert(12_000_000n);
    await insert(15_000_001n);
    expect(await home(5_000_001n)).toBe('outbox_default');
    const before = await rows();
    await clone.database.query("select setval('outbox_id', 12000000)");
    expect(await extendOutbox(clone.database)).toEqual(['outbox_2']);
    expect(await rows()).toEqual(before);
    for (const id of [5_000_001n, 12_000_000n, 15_000_001n]) expect(await home(id)).toBe('outbox_2');
    await insert(19_999_999n);
    expect(await home(19_999_999n)).toBe('outbox_2');
    await clone.database.query("select setval('outbox_id', 19999999)");
    expect(await extendOutbox(clone.database)).toEqual(['outbox_5']);
    await insert(20_000_001n);
    expect(await home(20_000_001n)).toBe('outbox_5');
    await insert(25_000_001n);
    expect(await home(25_000_001n)).toBe('outbox_default');
  });

  it('give way to a transaction that stays open, and are made when it has ended', async () => {
    await insert(5_000_001n);
    await clone.database.query("select setval('outbox_id', 5000001)");
    await clone.database.transaction(async (tx) => {
      await tx.query('select 1 from outbox limit 1');
      await expect(extendOutbox(clone.database)).rejects.toMatchObject({ code: '55P03' });
    });
    await insert(5_000_002n);
    expect(await extendOutbox(clone.database)).toEqual(['outbox_2']);
    expect(await home(5_000_002n)).toBe('outbox_2');
  });

  it('are dropped when published, old and finished, and not before', async () => {
    await clone.database.query("select setval('outbox_id', 5000010)");
    await extendOutbox(clone.database);
    await insert(17n, '500 days');
    expect(await pruneOutbox(clone.database, 400)).toEqual([]);
    await clone.database.query(
      `update relay_cursor set high = 5000010, gaps = '[{"from": "9", "to": "9", "xid": null, "proven": false}]'`,
    );
    expect(await pruneOutbox(clone.database, 400)).toEqual([]);
    await clone.database.query("update relay_cursor set gaps = '[]'");
    expect(await pruneOutbox(clone.database, 600)).toEqual([]);
    await clone.database.query("insert into relay_set_aside (id, key, reason) values (17, 'k', 'too large')");
    expect(await pruneOutbox(clone.database, 400)).toEqual([]);
    await clone.database.query('update relay_set_aside set published_at = now()');
    await clone.database.query(`
      insert into delivery (lane_id, document_id, event_id, event_type, source, flow, connection, document, key, tenant, entity,
        record_id, aggregate_version, kind, status, bundle, fan_out, topic, "partition", "offset", event_topic, event_partition,
        event_offset, event_logged_at, accepted_at)
      select 1, gen_random_uuid(), event_id, 't', 's', 'f', 'c', 'd', 'k', 't', 'e', 'r', 1, 'document', 'PARKED',
        'b', 1, 't', 0, 0, 't', 0, 0, now(), now() from outbox where id = 17`);
    expect(await pruneOutbox(clone.database, 400)).toEqual([]);
    await clone.database.query("update delivery set status = 'RESOLVED_MANUAL'");
    expect(await pruneOutbox(clone.database, 400)).toEqual(['outbox_1']);
    expect(await clone.database.query('select 1 from outbox')).toEqual([]);
  });

  it('are not dropped while delivery has not had all that became of an event', async () => {
    await clone.database.query("select setval('outbox_id', 5000010)");
    await extendOutbox(clone.database);
    await insert(17n, '500 days', 'crm.order.v1');
    await clone.database.query('update relay_cursor set high = 5000010');
    expect(await pruneOutbox(clone.database, 400)).toEqual([]);
    await clone.database.query(
      "insert into unrouted (event_id, source, entity, key) select event_id, 's', 'order', 'k' from outbox where id = 17",
    );
    expect(await pruneOutbox(clone.database, 400)).toEqual(['outbox_1']);
  });

  it('hold up neither an append nor another process while it is looked whether the next one may go', async () => {
    await clone.database.query("select setval('outbox_id', 14000000)");
    expect(await extendOutbox(clone.database)).toEqual(['outbox_2', 'outbox_3']);
    const impatient = await Database.open({ url: clone.url, name: 'impatient', lockTimeoutMs: 500 });
    try {
      const looked: string[] = [];
      const dropped = await prunePartitions(
        clone.database,
        OUTBOX,
        async (_, { name }) => {
          looked.push(name);
          if (name !== 'outbox_2') return true;
          await impatient.query('select 1 from outbox where id = 1');
          await impatient.query(
            `insert into outbox (id, event_id, aggregatetype, aggregateid, type, topic, key, headers)
             values (10000001, gen_random_uuid(), 'order', '1', 't', 't', 'k', '{}')`,
          );
          // somebody else was faster
          expect(await prunePartitions(impatient, OUTBOX, async () => true, { holes: false, again: false })).toEqual([
            'outbox_2',
          ]);
          return true;
        },
        { holes: false, again: false },
      );
      expect(looked).toEqual(['outbox_1', 'outbox_2']);
      expect(dropped).toEqual(['outbox_1']);
      expect(await home(10_000_001n)).toBe('outbox_3');
    } finally {
      await impatient.close();
    }
  });
});
