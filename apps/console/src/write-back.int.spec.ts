import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { eventually, given, type Event } from '#testing';
import { runningConsole, type Json, type RunningConsole } from '../test/running-console.ts';

let console: RunningConsole;
beforeAll(async () => {
  console = await runningConsole();
});
afterAll(() => console?.close());

/** Makes a result of what would be an event: the same row under another topic, with the flow in its headers. */
async function result(flow: string, source: string, recordId: string): Promise<Event> {
  const { database } = console.cloned;
  const event = await given.event(database, { recordId, source, type: 'sync.result.delivered' });
  await database.query(
    `update outbox set topic = 'sync.result.v1', aggregatetype = 'sync-result', headers = headers || jsonb_build_object('ce_flow', $2::text)
     where id = $1`,
    [event.outboxId, flow],
  );
  return event;
}

interface Status {
  flows: { name: string; accepted: number; finished: object; unfinished: object; difference: number }[];
  capture: Json;
}

/** The status that holds: a console under load answers with what it saw up to two seconds ago. */
async function statusWhere(holds: (status: Status) => boolean): Promise<Status> {
  let status: Status | undefined;
  const look = async (): Promise<boolean> => {
    status = (await console.get('/api/v1/status')).body as unknown as Status;
    return holds(status);
  };
  await eventually(look, () => `another status than ${JSON.stringify(status)}`);
  return status!;
}
const flowOf = ({ flows }: Status, name: string) => flows.find((flow) => flow.name === name)!;

describe('write-backs in the console', () => {
  it('count as accepted and pending from the moment their result is there, by source and flow', async () => {
    await result('orders', 'sandbox-crm', 'sb-1');
    await result('orders', 'acme-crm', 'acme-1'); // nobody writes back there
    await result('order-postings', 'sandbox-crm', 'sb-1'); // nobody asked for those
    const status = await statusWhere((seen) => flowOf(seen, 'order-numbers').accepted > 0);
    expect(flowOf(status, 'order-numbers')).toMatchObject({ accepted: 1, unfinished: { pending: 1 }, difference: 0 });
    expect(flowOf(status, 'customer-numbers').accepted).toBe(0);
    expect(flowOf(status, 'orders').accepted).toBe(0);
  });

  it('stand beside the events of the record they are about, and results are none of its events', async () => {
    const { database } = console.cloned;
    await given.event(database, { recordId: 'sb-2', type: 'crm.order.won' });
    const told = await result('orders', 'sandbox-crm', 'sb-2');
    const at = { flow: 'order-numbers', connection: 'sandbox-crm-api', document: 'opportunity', fanOut: 1 } as const;
    const id = await given.delivery(database, told, { ...at, status: 'DELIVERED', targetId: '2' });
    await database.query(`update delivery set hop_count = 2 where id = $1`, [id]);
    const { body } = await console.get('/api/v1/records/order/sb-2');
    const record = body as { events: unknown[]; writtenBack: unknown[] };
    expect(record.events).toMatchObject([{ type: 'crm.order.won' }]);
    expect(record.writtenBack).toMatchObject([{ flow: 'order-numbers', status: 'DELIVERED', targetId: '2', hops: 2 }]);
    const status = await statusWhere((seen) => flowOf(seen, 'order-numbers').accepted > 1);
    expect(flowOf(status, 'order-numbers')).toMatchObject({ accepted: 2, finished: { delivered: 1 }, difference: 0 });
  });
});

describe('what capture rejected', () => {
  const ordered = async (path: string, body: object): Promise<{ status: number; command: Json }> => {
    const answer = await console.call('POST', path, body);
    const { commandId } = answer.body as { commandId?: string };
    const [command] = await console.cloned.database.query<{ [name: string]: Json }>(
      'select stage, kind, target, reason from command where id = $1',
      [commandId],
    );
    return { status: answer.status, command: command ?? null };
  };

  it('is ordered to try again or given up, by one or by selection, each with a reason', async () => {
    const [dismissed, selected, refused] = await Promise.all([
      ordered('/api/v1/captured/7/dismiss', { reason: 'a test record' }),
      ordered('/api/v1/captured/renormalise', { reason: 'mended', connection: 'acme-crm' }),
      console.call('POST', '/api/v1/captured/7/renormalise', {}),
    ]);
    expect(dismissed).toEqual({
      status: 202,
      command: { stage: 'capture', kind: 'dismiss', target: { capturedId: '7' }, reason: 'a test record' },
    });
    expect(selected).toMatchObject({
      status: 202,
      command: { kind: 'renormalise', target: { connection: 'acme-crm' } },
    });
    expect(refused.status).toBe(400);
    expect((await console.call('POST', '/api/v1/captured/x/dismiss', { reason: 'r' })).status).toBe(404);
    const unknown = await console.call('POST', '/api/v1/captured/renormalise', { reason: 'r', connection: 'nobody' });
    expect(unknown.status).toBe(404);
  });

  it('is counted and shown when given up, and the sum still holds', async () => {
    const { database } = console.cloned;
    const { capturedId } = await given.captured(database, {
      recordId: 'acme-9',
      status: 'rejected',
      reason: 'no name',
    });
    await database.query("update captured set status = 'dismissed' where id = $1", [capturedId]);
    const { capture } = await statusWhere((seen) => JSON.stringify(seen.capture).includes('dismissed'));
    expect(capture).toEqual({ received: 1, published: 0, rejected: 0, pending: 0, dismissed: 1 });
    const page = await console.get('/api/v1/captured?status=dismissed');
    expect(page.body).toMatchObject({ items: [{ id: String(capturedId), status: 'dismissed', reason: 'no name' }] });
    const record = await console.get('/api/v1/records/order/acme-9');
    expect(record.body).toMatchObject({ events: [{ state: 'dismissed' }] });
  });
});
