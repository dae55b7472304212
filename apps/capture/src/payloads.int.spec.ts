import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { clonedDatabase, type ClonedDatabase } from '#testing';
import { extendPayloads, prunePayloads } from './payloads.ts';

describe('the partitions of payloads', () => {
  let clone: ClonedDatabase;
  beforeEach(async () => {
    clone = await clonedDatabase();
  });
  afterEach(() => clone.close());

  const insert = async (id: bigint, status = 'published', age = '0 days'): Promise<void> => {
    await clone.database.query(
      `insert into captured (id, tenant, connection, source_event_id, type, entity, record_id, key, aggregate_version, event_id,
         status, captured_at)
       values ($1, 'acme', 'crm', gen_random_uuid(), 't', 'customer', 'r', 'k', 1, gen_random_uuid(), $2, now() - $3::interval)`,
      [id, status, age],
    );
    await clone.database.query(`insert into captured_payload (captured_id, body) values ($1, '{}')`, [id]);
  };
  const partitions = async (): Promise<string[]> =>
    (
      await clone.database.query<{ home: string }>(
        'select distinct tableoid::regclass::text as home from captured_payload order by 1',
      )
    ).map(({ home }) => home);

  it('are made before they are needed, and take in what strayed', async () => {
    expect(await extendPayloads(clone.database)).toEqual([]);
    await insert(5_000_001n);
    expect(await partitions()).toEqual(['captured_payload_default']);
    await clone.database.query("select setval('captured_id', 9500000)");
    const made = await Promise.all([extendPayloads(clone.database), extendPayloads(clone.database)]);
    expect(made.flat()).toEqual(['captured_payload_2', 'captured_payload_3']);
    expect(await partitions()).toEqual(['captured_payload_2']);
  });

  it('are dropped when old and every row has become an event or was dismissed; one that cannot go keeps no other', async () => {
    await clone.database.query("select setval('captured_id', 15000010)");
    await extendPayloads(clone.database);
    await insert(17n, 'rejected', '500 days');
    await insert(5_000_001n, 'published', '400 days');
    await insert(10_000_001n, 'published', '10 days');
    expect(await prunePayloads(clone.database)).toEqual(['captured_payload_2']);
    await clone.database.query("update captured set status = 'waiting' where id = 17");
    expect(await prunePayloads(clone.database)).toEqual([]);
    await clone.database.query("update captured set status = 'dismissed' where id = 17");
    expect(await prunePayloads(clone.database)).toEqual(['captured_payload_1']);
    expect(await partitions()).toEqual(['captured_payload_3']);
    expect(await clone.database.query('select 1 from captured')).toHaveLength(3);
  });

  it('are not dropped under a row that is to be normalised again after all', async () => {
    const { database } = clone;
    await database.query("select setval('captured_id', 5000010)");
    await extendPayloads(database);
    await insert(17n, 'dismissed', '500 days');
    const query = database.query.bind(database);
    database.query = (async (sql: string, params: unknown[]) => {
      const answer = await query(sql, params);
      if (sql.includes('as may')) await query("update captured set status = 'waiting' where id = 17");
      return answer;
    }) as unknown as typeof database.query;
    expect(await prunePayloads(database)).toEqual([]);
    expect(await partitions()).toEqual(['captured_payload_1']);
  });
});
