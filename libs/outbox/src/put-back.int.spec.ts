import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { envelopeToHeaders, recordKey, type StoredRecord } from '#contracts';
import { clonedDatabase, type ClonedDatabase } from '#testing';
import { drawVersion } from './draw-version.ts';
import { putBack } from './put-back.ts';

describe('events that the log holds and the database lost', () => {
  let clone: ClonedDatabase;
  beforeAll(async () => {
    clone = await clonedDatabase();
  });
  afterAll(() => clone.close());

  const stored = (record: string, version: bigint, more: Partial<StoredRecord> = {}): StoredRecord => {
    const key = recordKey('t', 'order', record);
    return {
      topic: 'crm.order.v1',
      partition: 0,
      offset: version,
      timestamp: new Date(),
      key,
      value: Buffer.from(`${record} ${version}`),
      headers: envelopeToHeaders({
        id: randomUUID(),
        source: 'shop',
        type: 'crm.order.won',
        subject: record,
        time: new Date().toISOString(),
        dataschema: 'canonical/order',
        tenant: 't',
        partitionkey: key,
        aggregateversion: version,
        sourceversion: version * 10n,
        correlationid: randomUUID(),
        hopcount: 0,
      }),
      ...more,
    };
  };

  it('are put back once, as they were and in their order, and later versions go on behind them', async () => {
    const records = [stored('a', 6n), stored('b', 1n), stored('a', 7n)];
    const lost = await putBack(clone.database, records);
    expect(lost.map(({ envelope }) => [envelope.subject, envelope.aggregateversion])).toEqual([
      ['a', 6n],
      ['b', 1n],
      ['a', 7n],
    ]);
    const rows = await clone.database.query<{ event_id: string; payload: Buffer; headers: object }>(
      'select event_id, payload, headers from outbox order by id',
    );
    expect(rows).toEqual(
      records.map(({ headers, value }) => ({ event_id: headers['ce_id'], payload: value, headers })),
    );
    expect(await putBack(clone.database, records)).toEqual([]);
    const drawn = await clone.database.transaction((tx) => drawVersion(tx, recordKey('t', 'order', 'a')));
    expect(drawn).toMatchObject({ version: 8n, sourceVersion: 70n });
  });

  it('do not take versions back that the database drew since', async () => {
    const key = recordKey('t', 'order', 'c');
    for (let n = 0; n < 3; n++) await clone.database.transaction((tx) => drawVersion(tx, key));
    expect(await putBack(clone.database, [stored('c', 2n)])).toHaveLength(1);
    expect((await clone.database.transaction((tx) => drawVersion(tx, key))).version).toBe(4n);
  });

  it('are not what was ordered again: an old replay must not run once more', async () => {
    const original = stored('e', 1n);
    const replay = stored('e', 1n, {
      headers: { ...original.headers, ce_id: randomUUID(), ce_replayof: original.headers['ce_id']! },
    });
    const lost = await putBack(clone.database, [original, replay]);
    expect(lost.map(({ record }) => record)).toEqual([original]);
    expect(await clone.database.query("select 1 from outbox where headers ? 'ce_replayof'")).toEqual([]);
  });

  it('are not what has no envelope', async () => {
    expect(await putBack(clone.database, [stored('d', 1n, { headers: {} }), stored('d', 1n, { key: 'x' })])).toEqual(
      [],
    );
  });
});
