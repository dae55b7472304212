import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { given } from '#testing';
import { runningConsole, type RunningConsole } from '../../test/running-console.ts';

let console: RunningConsole;
beforeAll(async () => {
  console = await runningConsole();
});
afterAll(() => console?.close());

const ORDERS = { flow: 'orders', connection: 'main-erp', document: 'salesOrder' } as const;

describe('the timeline of a record', () => {
  it('tells every hop of every version, with attempts and evidence', async () => {
    const { database } = console.cloned;
    const one = await given.captured(database, { recordId: 'acme-4711', version: 1n, sourceVersion: 7n });
    await given.captured(database, {
      recordId: 'acme-4711',
      version: 2n,
      status: 'rejected',
      code: 'CROSSDOCK_CAPTURE_SCHEMA',
      reason: 'currency: XXX is none',
    });
    await given.captured(database, { recordId: 'acme-4711', version: 3n, status: 'waiting' });
    const delivery = await given.delivery(database, one.event!, { ...ORDERS, status: 'DELIVERED', targetId: 'SO-9' });
    await given.attempt(database, delivery, {
      n: 1,
      outcome: 'in-doubt',
      evidence: [{ asked: 'GET', answered: '[]' }],
    });
    await given.attempt(database, delivery, { n: 2, outcome: 'done', httpStatus: 201 });

    const { status, body } = await console.get('/api/v1/records/order/acme-4711');
    expect(status).toBe(200);
    expect(body).toMatchObject({
      entity: 'order',
      id: 'acme-4711',
      events: [
        {
          id: one.eventId,
          aggregateVersion: '1',
          sourceVersion: '7',
          state: 'mapped',
          topic: 'crm.order.v1',
          partition: 0,
          offset: String(one.event!.outboxId),
          publishedAt: expect.any(String),
          deliveries: [
            {
              status: 'DELIVERED',
              targetId: 'SO-9',
              attempts: [
                { n: 1, outcome: 'in-doubt', evidence: [{ asked: 'GET', answered: '[]' }] },
                { n: 2, outcome: 'done', httpStatus: 201 },
              ],
            },
          ],
        },
        { aggregateVersion: '2', state: 'rejected', capture: { code: 'CROSSDOCK_CAPTURE_SCHEMA' }, deliveries: [] },
        { aggregateVersion: '3', state: 'captured', deliveries: [] },
      ],
    });
  });

  it('finds a record by the id its source knows, when only one source has it', async () => {
    const { database } = console.cloned;
    await given.event(database, { recordId: 'acme-12' });
    expect(await console.get('/api/v1/records/order/12')).toMatchObject({ status: 200, body: { id: 'acme-12' } });
    await given.event(database, { recordId: 'sb-12' });
    expect(await console.get('/api/v1/records/order/12')).toMatchObject({
      status: 409,
      body: { code: 'CROSSDOCK_API_AMBIGUOUS', ids: ['sb-12', 'acme-12'] },
    });
  });

  it('answers 404 for a record nobody has heard of and for an entity that does not exist', async () => {
    expect(await console.get('/api/v1/records/order/none')).toMatchObject({
      status: 404,
      body: { code: 'CROSSDOCK_API_NOT_FOUND' },
    });
    expect(await console.get('/api/v1/records/oder/1')).toMatchObject({
      status: 404,
      body: { code: 'CROSSDOCK_API_UNKNOWN_ENTITY', detail: expect.stringContaining('"order"') },
    });
    expect((await console.get('/api/v1/records/order/%00')).status).toBe(404);
  });

  it('finds ids with slashes, colons, blanks and 300 letters', async () => {
    for (const recordId of ['sb-a/b', 'sb-a:b c', `sb-${'x'.repeat(300)}`]) {
      await given.event(console.cloned.database, { recordId });
      expect(await console.get(`/api/v1/records/order/${encodeURIComponent(recordId)}`)).toMatchObject({
        status: 200,
        body: { id: recordId },
      });
    }
  });

  it('says what a held delivery waits for, who else does, and where that stands', async () => {
    const { database } = console.cloned;
    const customer = await given.event(database, { entity: 'customer', recordId: 'sb-c1' });
    await given.delivery(database, customer, {
      flow: 'customers',
      connection: 'main-erp',
      document: 'customer',
      status: 'DEAD',
      errorClass: 'VALUE',
    });
    const order = await given.event(database, { recordId: 'sb-held' });
    const held = await given.delivery(database, order, { ...ORDERS, status: 'HELD_DEPENDENCY' });
    await given.wait(database, held, {
      connection: 'main-erp',
      kind: 'reference',
      name: 'customer',
      key: 'acme:customer:sb-c1',
    });
    expect(await console.get('/api/v1/records/order/sb-held')).toMatchObject({
      body: {
        events: [
          {
            deliveries: [
              {
                status: 'HELD_DEPENDENCY',
                holds: [
                  {
                    kind: 'reference',
                    name: 'customer',
                    key: 'acme:customer:sb-c1',
                    waiting: 1,
                    awaited: { status: 'DEAD', errorClass: 'VALUE' },
                  },
                ],
              },
            ],
          },
        ],
      },
    });
  });
});
