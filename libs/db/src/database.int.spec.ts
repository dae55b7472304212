import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { clonedDatabase, type ClonedDatabase } from '#testing';

describe('the database', () => {
  let clone: ClonedDatabase;
  beforeAll(async () => {
    clone = await clonedDatabase();
  });
  afterAll(() => clone.close());

  it('gives bigint columns as BigInt, so that no digit is rounded', async () => {
    const [row] = await clone.database.query<{ n: bigint; list: bigint[] }>(
      'select 9007199254740993::bigint as n, array[9007199254740993::bigint] as list',
    );
    expect(row).toEqual({ n: 9007199254740993n, list: [9007199254740993n] });
  });

  it('rolls back when the work throws', async () => {
    await expect(
      clone.database.transaction(async (tx) => {
        await tx.query("insert into flow_state (flow) values ('half')");
        throw new Error('stop');
      }),
    ).rejects.toThrow('stop');
    expect(await clone.database.query("select 1 from flow_state where flow = 'half'")).toEqual([]);
  });

  it('hears what another session notifies', async () => {
    const heard: (string | undefined)[] = [];
    const stop = await clone.database.listen('bell', (payload) => heard.push(payload));
    await clone.database.query("select pg_notify('bell', 'ding')");
    while (!heard.includes('ding')) await new Promise((resolve) => setTimeout(resolve, 5));
    await stop();
  });

  it('refuses a status transition that is not in the table', async () => {
    await clone.database.query(`
      insert into delivery (lane_id, document_id, event_id, event_type, source, flow, connection, document, key, tenant, entity,
        record_id, aggregate_version, kind, status, bundle, fan_out, topic, "partition", "offset", event_topic, event_partition,
        event_offset, event_logged_at, accepted_at)
      values (1, gen_random_uuid(), gen_random_uuid(), 't', 's', 'f', 'c', 'd', 'k', 't', 'e', 'r', 1, 'document', 'CANCELLED',
        'b', 1, 't', 0, 0, 't', 0, 0, now(), now())`);
    await expect(clone.database.query("update delivery set status = 'PENDING'")).rejects.toMatchObject({
      code: 'CD001',
    });
  });
});
