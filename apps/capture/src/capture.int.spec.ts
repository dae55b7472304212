import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { clonedDatabase, type ClonedDatabase } from '#testing';
import { loadSchemas, unframe } from '#schema';
import { packageRoot } from '#platform';
import { captureApp, counts, eventually, type CaptureApp } from './testing/capture-app.ts';

describe('capture', () => {
  let clone: ClonedDatabase;
  let app: CaptureApp;
  beforeAll(async () => {
    clone = await clonedDatabase();
    app = await captureApp(clone.url);
  });
  afterAll(async () => {
    await app?.close();
    await clone?.close();
  });

  it('answers 202 with a receipt and puts the event into the outbox', async () => {
    const before = await counts(clone.database);
    const answer = await app.send({
      type: 'customer.created',
      timestamp: '2026-11-20T10:00:00Z',
      data: { id: 4711, version: 3, name: 'Acme', kind: 'COMPANY', status: 'ACTIVE' },
    });
    expect(answer.status).toBe(202);
    expect(answer.body.items).toEqual([
      { receiptId: answer.body.receiptId, eventId: expect.stringMatching(/^[0-9a-f-]{36}$/), result: 'accepted' },
    ]);
    await eventually(
      () => counts(clone.database),
      ({ outbox }) => outbox === before['outbox']! + 1,
    );
    const [row] = await clone.database.query<{
      payload: Buffer;
      headers: Record<string, string>;
      key: string;
      topic: string;
    }>('select payload, headers, key, topic from outbox where event_id = $1', [answer.body.items[0]!.eventId]);
    expect(row).toMatchObject({ key: 'acme:customer:crm-4711', topic: 'crm.customer.v1' });
    expect(row!.headers).toMatchObject({
      ce_type: 'crm.customer.created',
      ce_source: 'acme-crm',
      ce_subject: 'crm-4711',
      ce_time: '2026-11-20T10:00:00.000Z',
      ce_aggregateversion: '1',
      ce_sourceversion: '3',
    });
    const schema = loadSchemas({ roots: [`${packageRoot()}/schemas`] }).canonical('customer')!;
    expect(schema.decode(unframe(row!.payload).body)).toMatchObject({ id: 'crm-4711', name: 'Acme', version: 3n });
  });
});
