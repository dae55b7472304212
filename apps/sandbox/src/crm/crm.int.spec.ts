import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Configuration, Connection } from '#contracts';
import { boot, Health, Metrics, readEnvironment, schemaRoots, type RunningApp } from '#platform';
import { loadSchemas, unframe } from '#schema';
import { clonedDatabase, type ClonedDatabase } from '#testing';
import { CrmModule } from './crm.module.ts';

const connection = { name: 'sandbox-crm', connector: 'outbox', side: 'source', zone: 'UTC', idPrefix: 'sb-' };

interface Answer {
  id: string;
  orders: { id: string }[];
}

interface OutboxRow {
  type: string;
  key: string;
  topic: string;
  headers: Record<string, string>;
  payload: Buffer;
}

describe('the sandbox CRM', () => {
  let clone: ClonedDatabase;
  let app: RunningApp;
  const order = loadSchemas({ roots: schemaRoots(readEnvironment({})) }).canonical('order')!;

  beforeAll(async () => {
    clone = await clonedDatabase();
    const configuration: Configuration = {
      tenant: 'acme',
      connections: new Map([[connection.name, connection as Connection]]),
      flows: new Map(),
      position: () => ({ file: 'crossdock.yaml', line: 1, column: 1 }),
    };
    const environment = { ...readEnvironment({ CROSSDOCK_METRICS_PORT: '0' }), databaseUrl: clone.url };
    const roots = schemaRoots(environment);
    app = await boot({
      module: CrmModule,
      runtime: { environment, configuration, schemaRoots: roots, metrics: new Metrics(), health: new Health() },
      http: true,
      port: { number: 0, setting: 'CROSSDOCK_SANDBOX_PORT' },
    });
  });
  afterAll(async () => {
    await app.close();
    await clone.close();
  });

  // what each test expects of an answer it says itself
  const call = async (method: string, path: string, body?: object): Promise<{ status: number; body: Answer }> => {
    const answer = await fetch(app.url + path, {
      method,
      headers: { 'content-type': 'application/json' },
      body: body && JSON.stringify(body),
    });
    return { status: answer.status, body: (await answer.json()) as Answer };
  };
  const eventsOf = (recordId: string): Promise<OutboxRow[]> =>
    clone.database.query<OutboxRow>(
      'select type, key, topic, headers, payload from outbox where aggregateid = $1 order by id',
      [recordId],
    );

  it('appends the full state of an opportunity with each change, in the same transaction', async () => {
    const customer = await call('POST', '/crm/customers', { name: 'Alder Quay Optics', country: 'DE' });
    expect(customer.status).toBe(201);
    const made = await call('POST', '/crm/opportunities', {
      customerId: customer.body.id,
      lines: [{ sku: 'A-1', quantity: '3', unitPrice: '33.333', discountPercent: '5' }],
    });
    expect(made.status).toBe(201);
    const { id } = made.body;
    await call('PATCH', `/crm/opportunities/${id}`, { purchaseOrderRef: 'PO 7' });
    expect((await call('POST', `/crm/opportunities/${id}/win`)).body).toMatchObject({ stage: 'WON', version: 3 });
    const events = await eventsOf(`sb-${id}`);
    expect(events.map((event) => event.type)).toEqual(['crm.order.created', 'crm.order.updated', 'crm.order.won']);
    expect(events.map((event) => event.headers['ce_aggregateversion'])).toEqual(['1', '2', '3']);
    expect(events[2]).toMatchObject({ key: `acme:order:sb-${id}`, topic: 'crm.order.v1' });
    const record = order.decode(unframe(events[2]!.payload).body) as unknown as {
      total: { amount: unknown };
      tax: { amount: unknown };
      purchaseOrderRef: string;
    };
    expect(record).toMatchObject({ id: `sb-${id}`, customerId: `sb-${customer.body.id}`, stage: 'WON', version: 3n });
    expect(String(record.total.amount)).toBe('95');
    expect(String(record.tax.amount)).toBe('18.05');
    expect(record.purchaseOrderRef).toBe('PO 7');
  });

  it('changes only the fields that were sent', async () => {
    const { body } = await call('POST', '/crm/customers', { name: 'Ember Loom Foods', country: 'AT', city: 'Graz' });
    const changed = await call('PATCH', `/crm/customers/${body.id}`, { email: 'office@ember.example' });
    expect(changed.body).toMatchObject({ name: 'Ember Loom Foods', city: 'Graz', active: true, version: 2 });
  });

  it('refuses what an opportunity cannot become, and appends nothing then', async () => {
    const { body } = await call('POST', '/crm/generate', { orders: 1, seed: 'stages' });
    const [made] = body.orders;
    expect((await call('POST', `/crm/opportunities/${made!.id}/lose`)).status).toBe(409);
    expect(await eventsOf(`sb-${made!.id}`)).toHaveLength(2);
    expect((await call('POST', '/crm/opportunities/none/win')).status).toBe(404);
    expect((await call('POST', '/crm/opportunities', { lines: [] })).status).toBe(400);
  });

  it('generates the same orders from the same seed, and adds nothing when asked again', async () => {
    const [first, second] = await Promise.all([
      call('POST', '/crm/generate', { orders: 7, seed: 'twice' }),
      call('POST', '/crm/generate', { orders: 7, seed: 'twice' }),
    ]);
    expect(first.status).toBe(200);
    expect(second.body.orders.map((made) => made.id)).toEqual(first.body.orders.map((made) => made.id));
    const events = await clone.database.query<{ type: string; n: bigint }>(
      "select type, count(*) as n from outbox where aggregateid like 'sb-op-twice-%' group by type order by type",
    );
    expect(events).toEqual([
      { type: 'crm.order.created', n: 7n },
      { type: 'crm.order.won', n: 7n },
    ]);
  });
});
