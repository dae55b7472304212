import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { fileRegistry, frame, loadSchemas, parseExactJson } from '#schema';
import { packageRoot } from '#platform';
import { given } from '#testing';
import { join } from 'node:path';
import { runningConsole, type RunningConsole } from '../test/running-console.ts';

let console: RunningConsole;
beforeAll(async () => {
  console = await runningConsole({ CROSSDOCK_API_TOKEN: 'open sesame' });
});
afterAll(() => console?.close());

const schemas = loadSchemas({ roots: [join(packageRoot(), 'schemas')] });
const ids = fileRegistry(schemas);

/** The canonical bytes of an order as they stand in the outbox. */
async function order(number: string): Promise<Buffer> {
  const schema = schemas.canonical('order')!;
  const made = schema.fromJson(
    parseExactJson(
      JSON.stringify({
        id: number,
        number,
        customerId: 'C1',
        stage: 'WON',
        closedAt: '2026-11-20T10:00:00Z',
        currency: 'EUR',
        lines: [{ id: '1', lineNo: 1, sku: 'A-100', quantity: '2', unitPrice: '60.25', amount: '120.50' }],
        total: { amount: '120.50', currency: 'EUR' },
      }),
    ),
    { zone: 'UTC', idPrefix: 'sb-' },
  );
  if (!made.ok) throw new Error(`${made.path}: ${made.message}`);
  return frame(await ids.idOf('canonical/order'), schema.encode(made.record));
}

describe('the console', () => {
  it('asks for the token on every route', async () => {
    for (const path of ['/api/v1/status', '/api/v1/deliveries', '/subjects', '/schema-registry/subjects']) {
      const response = await fetch(console.app.url + path);
      expect(response.status).toBe(401);
    }
  });

  it('is ready while its database answers', async () => {
    const response = await fetch(`${console.app.metricsUrl}/readyz`);
    expect(response.status).toBe(200);
  });

  it('finds an event by number, record id, target id and event id', async () => {
    const { database } = console.cloned;
    const event = await given.event(database, { recordId: 'sb-4711', payload: await order('O-4711') });
    await given.event(database, { recordId: 'sb-4712', payload: await order('O-4712') });
    await given.delivery(database, event, {
      flow: 'orders',
      connection: 'main-erp',
      document: 'salesOrder',
      status: 'DELIVERED',
      targetId: 'SO-88',
    });
    for (const query of [
      'number=O-4711',
      'orderNumber=O-4711',
      'recordId=4711',
      'recordId=sb-4711&entity=order',
      'targetId=SO-88',
      `eventId=${event.eventId}`,
      'q=O-4711',
      'q=4711',
      'q=SO-88',
      `q=${event.eventId}`,
      'key=acme:order:sb-4711',
    ])
      expect([query, await console.get(`/api/v1/events?${query}`)]).toMatchObject([
        query,
        { status: 200, body: { complete: true, items: [{ id: event.eventId, deliveries: [{ targetId: 'SO-88' }] }] } },
      ]);
    expect(await console.get('/api/v1/events?q=nothing')).toMatchObject({ status: 200, body: { items: [] } });
    expect(await console.get(`/api/v1/events/${event.eventId}`)).toMatchObject({ body: { id: event.eventId } });
    expect((await console.get('/api/v1/events/nope')).status).toBe(404);
    const page = await console.get('/api/v1/events?limit=1');
    expect(page.body).toMatchObject({ items: [{ recordId: 'sb-4712' }], next: expect.any(String) });
    const { next } = page.body as { next: string };
    expect((await console.get(`/api/v1/events?limit=1&after=${next}`)).body).toMatchObject({
      items: [{ id: event.eventId }],
    });
  });

  it('shows what a past event would become, without sending', async () => {
    const { database } = console.cloned;
    const event = await given.event(database, { recordId: 'sb-77', payload: await order('O-77') });
    const answer = await console.call('POST', '/api/v1/mappings/order-to-erp/try', { eventId: event.eventId });
    expect(answer).toMatchObject({ status: 200, body: { kind: 'document', eventId: event.eventId } });
    expect(JSON.parse((answer.body as { document: string }).document)).toMatchObject({ externalId: event.key });
    expect(await database.query('select 1 from delivery where event_id = $1', [event.eventId])).toEqual([]);
    expect(
      await console.call('POST', '/api/v1/mappings/customer-to-erp/try', { eventId: event.eventId }),
    ).toMatchObject({ status: 422, body: { code: 'CROSSDOCK_API_WRONG_ENTITY' } });
    expect(await console.call('POST', '/api/v1/mappings/order-to-epr/try', { eventId: event.eventId })).toMatchObject({
      status: 404,
      body: { code: 'CROSSDOCK_API_UNKNOWN_MAPPING' },
    });
  });

  it('serves the schemas of our topics as a Confluent client asks for them', async () => {
    for (const mount of ['', '/schema-registry']) {
      const subjects = await console.get(`${mount}/subjects`);
      expect(subjects).toMatchObject({
        status: 200,
        type: expect.stringContaining('application/vnd.schemaregistry.v1+json'),
      });
      expect(subjects.body).toEqual(
        expect.arrayContaining(['crm.order.v1-value', 'sync.result.v1-value', 'erp.main-erp.sales-order.v1-value']),
      );
      const id = await ids.idOf('canonical/order');
      const { body } = await console.get(`${mount}/schemas/ids/${id}`);
      expect(JSON.parse((body as { schema: string }).schema)).toMatchObject({ type: 'record' });
      expect((await console.get(`${mount}/schemas/ids/1234567`)).status).toBe(404);
    }
  });

  it('groups what failed by cause, whoever it hit', async () => {
    const { database } = console.cloned;
    for (let n = 0; n < 3; n++) {
      const event = await given.event(database, { entity: 'customer', recordId: `sb-c${n}` });
      await given.delivery(database, event, {
        flow: 'customers',
        connection: 'main-erp',
        document: 'customer',
        status: n === 0 ? 'PARKED' : 'DEAD',
        errorClass: 'VALUE',
        error: `answered 422: VAT id "DE${n}" of customer C-${n} is not valid`,
        amount: '10.10',
        currency: 'EUR',
      });
    }
    await given.captured(database, { status: 'rejected', code: 'CROSSDOCK_CAPTURE_SCHEMA', reason: 'line 3: XXX' });
    const { body } = await console.get('/api/v1/failures');
    expect(body).toMatchObject({
      items: [
        {
          target: 'main-erp',
          errorClass: 'VALUE',
          message: 'answered 422: VAT id … of customer … is not valid',
          count: 3,
          keys: 3,
          statuses: { DEAD: 2, PARKED: 1 },
          amounts: [{ currency: 'EUR', amount: '30.30' }],
          sample: { key: 'acme:customer:sb-c2' },
        },
      ],
      captured: [{ code: 'CROSSDOCK_CAPTURE_SCHEMA', count: 1 }],
    });
    expect(await console.get('/api/v1/captured?status=rejected')).toMatchObject({
      status: 200,
      body: { items: [{ status: 'rejected', code: 'CROSSDOCK_CAPTURE_SCHEMA', reason: 'line 3: XXX' }] },
    });
    expect((await console.get('/api/v1/captured?status=rejcted')).status).toBe(400);
  });

  it('lists the values that deliveries wait for', async () => {
    const { database } = console.cloned;
    for (const recordId of ['sb-v1', 'sb-v2']) {
      const event = await given.event(database, { recordId });
      const id = await given.delivery(database, event, {
        flow: 'orders',
        connection: 'main-erp',
        document: 'salesOrder',
        status: 'HELD_DEPENDENCY',
      });
      await given.wait(database, id, { connection: 'main-erp', kind: 'value', name: 'payment-terms', key: 'net45' });
    }
    await database.query(
      `insert into value_map (connection, set, from_value, to_value, changed_by) values ('main-erp', 'payment-terms', 'net30', '30D', 'api'), ('', 'payment-terms', 'net30', 'x', 'api')`,
    );
    expect((await console.get('/api/v1/value-maps/payment-terms?connection=main-erp')).body).toMatchObject({
      values: { net30: '30D' },
      open: [{ from: 'net45', waiting: 2 }],
    });
  });

  it('pages cross-references', async () => {
    const { database } = console.cloned;
    await database.query(
      `insert into xref (connection, document, key, target_id, bound_by) select 'ledger', 'journalEntry', 'acme:order:' || n, 'J' || n, 'api' from generate_series(1, 3) n`,
    );
    const first = await console.get('/api/v1/xref?connection=ledger&limit=2');
    expect(first.body).toMatchObject({ items: [{ targetId: 'J1' }, { targetId: 'J2' }], next: expect.any(String) });
    const { next } = first.body as { next: string };
    expect((await console.get(`/api/v1/xref?connection=ledger&after=${encodeURIComponent(next)}`)).body).toEqual({
      items: [expect.objectContaining({ targetId: 'J3' })],
    });
    expect((await console.get('/api/v1/xref?targetId=J2')).body).toMatchObject({ items: [{ key: 'acme:order:2' }] });
  });
});
