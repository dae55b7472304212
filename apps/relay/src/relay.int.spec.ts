import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { recordKey, type EventLog } from '#contracts';
import { appendRows, drawVersion } from '#outbox';
import { clonedDatabase, type ClonedDatabase } from '#testing';
import { CollectingLog } from './testing/collecting-log.ts';
import { Relay } from './relay.ts';

describe('the relay', () => {
  let clone: ClonedDatabase;
  beforeAll(async () => {
    clone = await clonedDatabase();
  });
  afterAll(() => clone.close());

  it('moves an appended row to the log, with its version and the time it was accepted', async () => {
    const log = new CollectingLog();
    const relay = new Relay({ database: clone.database, log: log as EventLog, surprised: () => {} });
    await relay.start();
    const key = recordKey('t', 'order', '1');
    await clone.database.transaction(async (tx) => {
      const { version } = await drawVersion(tx, key);
      await appendRows(tx, [
        {
          eventId: crypto.randomUUID(),
          aggregateType: 'order',
          aggregateId: '1',
          type: 'crm.order.won',
          topic: 'crm.order.v1',
          key,
          headers: { ce_aggregateversion: String(version) },
          payload: Buffer.from([0, 1]),
        },
      ]);
    });
    await log.until(1);
    expect(log.records[0]).toMatchObject({
      topic: 'crm.order.v1',
      key,
      value: Buffer.from([0, 1]),
      headers: { ce_aggregateversion: '1', ce_acceptedat: expect.stringMatching(/^\d{4}-.*Z$/) },
    });
    await relay.stop();
  });
});
