import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { given } from '#testing';
import { runningConsole, type RunningConsole } from '../../test/running-console.ts';
import type { FlowStatus, Status } from './assemble.ts';

let console: RunningConsole;
beforeAll(async () => {
  console = await runningConsole();
});
afterAll(() => console?.close());

const status = async (): Promise<Status> => (await console.get('/api/v1/status')).body as unknown as Status;
const flow = async (name: string): Promise<FlowStatus> => (await status()).flows.find((one) => one.name === name)!;
const ORDERS = { flow: 'orders', connection: 'main-erp', document: 'salesOrder', fanOut: 2 } as const;
const POSTINGS = { flow: 'order-postings', connection: 'ledger', document: 'journalEntry', fanOut: 2 } as const;

describe('the status of a flow', () => {
  it('counts an event as pending from the moment it was answered until delivery has it, with no difference on the way', async () => {
    const { database } = console.cloned;
    const captured = await given.captured(database, { status: 'waiting', recordId: 'acme-1' });
    expect(await flow('orders')).toMatchObject({ accepted: 1, unfinished: { pending: 1 }, difference: 0 });

    await database.query(`update captured set status = 'published' where id = $1`, [captured.capturedId]);
    const event = await given.event(database, { source: 'acme-crm', recordId: 'acme-1', eventId: captured.eventId });
    expect(await flow('orders')).toMatchObject({ accepted: 1, unfinished: { pending: 1 }, difference: 0 });
    expect(await flow('order-postings')).toMatchObject({ accepted: 1, unfinished: { pending: 1 }, difference: 0 });

    const id = await given.delivery(database, event, { ...ORDERS, amount: '120.50', currency: 'EUR' });
    expect(await flow('orders')).toMatchObject({
      accepted: 1,
      unfinished: { pending: 1 },
      difference: 0,
      unsynced: [{ currency: 'EUR', amount: '120.50' }],
    });
    await given.delivery(database, event, { ...POSTINGS, status: 'DELIVERED' });
    expect(await flow('order-postings')).toMatchObject({ accepted: 1, finished: { delivered: 1 }, difference: 0 });

    await database.query(`update delivery set status = 'IN_FLIGHT' where id = $1`, [id]);
    await database.query(
      `update delivery set status = 'DELIVERED', adopted = true, finished_at = clock_timestamp() where id = $1`,
      [id],
    );
    expect(await flow('orders')).toMatchObject({
      accepted: 1,
      finished: { delivered: 0, duplicate: 1 },
      unfinished: { pending: 0 },
      difference: 0,
      oldestUnfinishedAt: null,
      unsynced: [],
    });
  });

  it('does not count an event for a flow that its fan-out did not contain', async () => {
    const before = await flow('order-postings');
    const event = await given.event(console.cloned.database);
    expect((await flow('order-postings')).accepted).toBe(before.accepted + 1);
    await given.delivery(console.cloned.database, event, { ...ORDERS, fanOut: 1, status: 'DELIVERED' });
    expect(await flow('order-postings')).toMatchObject({ accepted: before.accepted, difference: 0 });
  });

  it('counts neither replays nor events that no flow wanted, and dead letters as dead', async () => {
    const { database } = console.cloned;
    const before = await flow('customers');
    const original = await given.event(database, { entity: 'customer' });
    await given.event(database, { entity: 'customer', recordId: original.recordId, replayOf: original.eventId });
    const dead = await given.event(database, { entity: 'customer' });
    await database.query(
      `insert into dead_letter (topic, "partition", "offset", event_id, stage, reason, headers) values ('crm.customer.v1', 0, 7, $1, 'mapper', 'x', '{}')`,
      [dead.eventId],
    );
    const unwanted = await given.event(database, { entity: 'customer' });
    await database.query(`insert into unrouted (event_id, source, entity, key) values ($1, 's', 'customer', $2)`, [
      unwanted.eventId,
      unwanted.key,
    ]);
    const after = await flow('customers');
    expect(after.accepted - before.accepted).toBe(2);
    expect(after.unfinished.dead - before.unfinished.dead).toBe(1);
    expect(after.unfinished.pending - before.unfinished.pending).toBe(1);
    expect(after.difference).toBe(0);
  });

  it('counts a dead letter of a document as dead for its own flow alone, also where the area of its topic is called crm', async () => {
    const { database } = console.cloned;
    const before = [await flow('orders'), await flow('order-postings')];
    const event = await given.event(database, {});
    await database.query(
      `insert into dead_letter (topic, "partition", "offset", event_id, stage, reason, headers)
       values ('crm.main-erp.account.v1', 0, 8, $1, 'delivery', 'x', '{"cd_flow": "orders"}')`,
      [event.eventId],
    );
    const after = [await flow('orders'), await flow('order-postings')];
    const more = (of: 'dead' | 'pending') => after.map((one, at) => one.unfinished[of] - before[at]!.unfinished[of]);
    expect([more('dead'), more('pending')]).toEqual([
      [1, 0],
      [0, 1],
    ]);
  });

  it('shows a delivery that vanished as a difference', async () => {
    const { database } = console.cloned;
    const event = await given.event(database, { entity: 'customer' });
    const id = await given.delivery(database, event, {
      flow: 'customers',
      connection: 'main-erp',
      document: 'customer',
      status: 'DELIVERED',
    });
    expect((await flow('customers')).difference).toBe(0);
    await database.query('delete from delivery where id = $1', [id]);
    expect((await flow('customers')).difference).toBe(1);
    await database.query('delete from delivery_key where delivery_id = $1', [id]);
  });

  it('keeps every event in view when a lower outbox id commits after a higher one', async () => {
    const { database } = console.cloned;
    const before = (await flow('orders')).accepted;
    await database.query(`select nextval('outbox_id')`); // drawn by a transaction that is still open
    const later = await given.event(database, {});
    await database.query(
      `update relay_cursor set gaps = jsonb_build_array(jsonb_build_object('from', ($1 - 1)::text, 'to', ($1 - 1)::text))`,
      [later.outboxId],
    );
    expect((await flow('orders')).accepted).toBe(before + 1);
    const early = await given.event(database, { published: false });
    await database.query('update outbox set id = $1 where id = $2', [later.outboxId - 1n, early.outboxId]);
    await database.query('update outbox_event set outbox_id = $1 where outbox_id = $2', [
      later.outboxId - 1n,
      early.outboxId,
    ]);
    expect((await flow('orders')).accepted).toBe(before + 2);
    expect((await status()).outbox.unpublished).toBe(1);
    await database.query(`update relay_cursor set gaps = '[]'`);
    expect((await flow('orders')).accepted).toBe(before + 2);
    expect((await status()).outbox.unpublished).toBe(0);
  });

  it('tells lag, capture counts and connections in the agreed shape', async () => {
    const { database } = console.cloned;
    const event = await given.event(database, { entity: 'customer' });
    await given.delivery(database, event, {
      flow: 'customers',
      connection: 'main-erp',
      document: 'customer',
      status: 'DELIVERED',
      took: 0.25,
    });
    await given.captured(database, { status: 'rejected', entity: 'customer', code: 'CROSSDOCK_CAPTURE_SCHEMA' });
    await database.query(`insert into connection_state (connection, breaker) values ('ledger', 'open')`);
    const answer = await status();
    expect(answer.flows.find(({ name }) => name === 'customers')!.lagSeconds.p50).toBeCloseTo(0.25, 3);
    expect(answer.connections).toContainEqual(
      expect.objectContaining({ name: 'ledger', connector: 'rest', state: 'active', breaker: 'open' }),
    );
    expect(answer.capture).toEqual({ received: 2, published: 1, rejected: 1, pending: 0 });
    expect(answer.flows.find(({ name }) => name === 'orders')).toMatchObject({
      entity: 'order',
      target: 'main-erp',
      document: 'salesOrder',
      state: 'running',
    });
  });
});
