import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { given } from '#testing';
import { runningConsole, type RunningConsole } from '../../test/running-console.ts';

let console: RunningConsole;
let deliveryId: bigint;
beforeAll(async () => {
  console = await runningConsole();
  const event = await given.event(console.cloned.database, { recordId: 'sb-1' });
  deliveryId = await given.delivery(console.cloned.database, event, {
    flow: 'orders',
    connection: 'main-erp',
    document: 'salesOrder',
    status: 'DEAD',
  });
});
afterAll(() => console?.close());

/** Answers the next command that is placed, as its stage would; gives it back when asked. */
async function answered(
  status: 'done' | 'refused',
  result: unknown,
  ring = true,
): Promise<() => Promise<Record<string, unknown>>> {
  const { database } = console.cloned;
  let heard = (): void => {};
  const placed = new Promise<void>((resolve) => (heard = resolve));
  const stop = await database.listen('crossdock_command', (payload) => payload !== undefined && heard());
  const command = placed
    .then(async () => {
      const [row] = await database.query<{ command: Record<string, unknown> }>(
        `update command set status = $1, result = $2, done_at = clock_timestamp() where status = 'waiting' returning to_jsonb(command) as command`,
        [status, JSON.stringify(result)],
      );
      if (ring) await database.query(`notify crossdock_command_done`);
      return row!.command;
    })
    .finally(stop);
  return () => command;
}

describe('what people order', () => {
  it('is a command row of the stage addressed, and answers with its result', async () => {
    const command = await answered('done', { status: 'PENDING' });
    const answer = await console.call('POST', `/api/v1/deliveries/${deliveryId}/retry`, { reason: 'VAT id corrected' });
    expect(answer).toMatchObject({ status: 200, body: { status: 'done', result: { status: 'PENDING' } } });
    expect(await command()).toMatchObject({
      stage: 'delivery',
      kind: 'retry',
      target: { deliveryId: String(deliveryId) },
      actor: 'api',
      reason: 'VAT id corrected',
    });
  });

  it('orders a replay of the events that a selection names, and shows what came of it', async () => {
    const { database } = console.cloned;
    const dry = await console.call('POST', '/api/v1/replays', { reason: 'x', recordId: 'sb-1', dryRun: true });
    expect(dry).toMatchObject({ status: 200, body: { count: 1 } });
    const { events } = dry.body as { events: string[] };
    const command = await answered('done', { replayed: 1 });
    const answer = await console.call('POST', '/api/v1/replays', {
      reason: 'the mapping is corrected',
      status: 'dead',
      flow: 'orders',
      resend: 'changed',
    });
    expect(answer).toMatchObject({ status: 200, body: { result: { replayed: 1 } } });
    expect(await command()).toMatchObject({
      kind: 'replay',
      target: { status: 'dead', flow: 'orders', resend: 'changed' },
    });
    const { commandId } = answer.body as { commandId: string };
    expect(await database.query('select n, event_id from command_event where command_id = $1', [commandId])).toEqual([
      { n: 1n, event_id: events[0] },
    ]);
    await database.query(
      `with r as (insert into replay (event_id, replay_of, command_id, resend) values (gen_random_uuid(), $1, $2, true) returning event_id)
       insert into replay_outcome (event_id, flow, delivery_id, outcome, note) select event_id, 'orders', $3, 'nothing', 'it is DEAD' from r`,
      [events[0], commandId, deliveryId],
    );
    expect(await console.get(`/api/v1/replays/${commandId}`)).toMatchObject({
      status: 200,
      body: { kind: 'replay', outcomes: [{ flow: 'orders', outcome: 'nothing', note: 'it is DEAD', count: 1 }] },
    });
  });

  it('orders a replay of dead letters, without those that were taken in since', async () => {
    const { database } = console.cloned;
    const dead = await given.event(database, { recordId: 'dl-1' });
    const again = await given.event(database, { recordId: 'dl-2' });
    const document = await given.event(database, { recordId: 'dl-3' });
    const unwanted = await given.event(database, { recordId: 'dl-4' });
    await given.delivery(database, again, { flow: 'orders', connection: 'main-erp', document: 'salesOrder' });
    await given.delivery(database, document, { flow: 'orders', connection: 'main-erp', document: 'salesOrder' });
    const rows = [
      [dead, 'crm.order.v1', '{}'],
      [again, 'crm.order.v1', '{}'],
      [unwanted, 'crm.order.v1', '{}'],
      [document, 'finance.ledger.journal-entry.v1', '{"cd_flow": "order-postings"}'],
    ] as const;
    for (const [n, [event, topic, headers]] of rows.entries())
      await database.query(
        `insert into dead_letter (topic, "partition", "offset", event_id, stage, reason, headers) values ($1, 0, $2, $3, 'x', 'x', $4)`,
        [topic, 100 + n, event.eventId, headers],
      );
    const count = async (selection: Record<string, unknown>): Promise<unknown> => {
      const body = { reason: 'x', deadLetters: true, dryRun: true, ...selection };
      return (await console.call('POST', '/api/v1/replays', body)).body;
    };
    expect(await count({})).toMatchObject({ count: 3, events: [dead.eventId, document.eventId, unwanted.eventId] });
    expect(await count({ flow: 'orders' })).toMatchObject({ count: 2, events: [dead.eventId, unwanted.eventId] });
    expect(await count({ flow: 'customers' })).toMatchObject({ count: 0 });
    expect(await count({ entity: 'customer' })).toMatchObject({ count: 0 });
    expect(await count({ status: 'DEAD' })).toMatchObject({ code: 'CROSSDOCK_API_BAD_BODY' });
    const replay = randomUUID();
    await database.query(
      `with r as (insert into replay (event_id, replay_of, command_id, resend) values ($1, $2, gen_random_uuid(), false))
       insert into unrouted (event_id, source, entity, key) values ($1, 's', 'order', 'k')`,
      [replay, unwanted.eventId],
    );
    expect(await count({})).toMatchObject({ count: 2 });
    const command = await answered('done', { replayed: 2 });
    const answer = await console.call('POST', '/api/v1/replays', { reason: 'the mapper is newer', deadLetters: true });
    expect(await command()).toMatchObject({ kind: 'replay', target: { deadLetters: true } });
    const { commandId } = answer.body as { commandId: string };
    const kept = await database.query('select event_id from command_event where command_id = $1 order by n', [
      commandId,
    ]);
    expect(kept).toEqual([{ event_id: dead.eventId }, { event_id: document.eventId }]);
  });

  it('names events one by one in the order given, each once, and ends a replay by another order', async () => {
    const { database } = console.cloned;
    const events = [randomUUID(), randomUUID()];
    const command = await answered('done', { replayed: 2 });
    const body = { reason: 'x', events: [events[1], events[0], events[1]!.toUpperCase()], rate: 5 };
    const { commandId } = (await console.call('POST', '/api/v1/replays', body)).body as { commandId: string };
    expect(await command()).toMatchObject({ kind: 'replay', target: { rate: 5 } });
    const kept = await database.query<{ event_id: string }>(
      'select event_id from command_event where command_id = $1 order by n',
      [commandId],
    );
    expect(kept.map(({ event_id }) => event_id)).toEqual([events[1], events[0]]);
    const cancelling = await answered('done', { cancelled: 2 });
    const cancelled = await console.call('DELETE', `/api/v1/replays/${commandId}`, { reason: 'the wrong ones' });
    expect(cancelled).toMatchObject({ status: 200, body: { result: { cancelled: 2 } } });
    expect(await cancelling()).toMatchObject({
      kind: 'cancel-replay',
      target: { replayId: commandId },
      reason: 'the wrong ones',
    });
  });

  it('shows the document with every digit and takes the edited one likewise', async () => {
    const { database } = console.cloned;
    const url = `${console.app.url}/api/v1/deliveries/${deliveryId}`;
    await database.query(
      `insert into revision (delivery_id, n, body) values ($1, 1, '{"amount":90071992547409931.10}')
       on conflict (delivery_id, n) do update set body = excluded.body`,
      [deliveryId],
    );
    const shown = await fetch(`${url}/document`).then((response) => response.text());
    expect(shown).toContain('"document":{"amount":90071992547409931.10}');
    const command = await answered('done', { revision: 2 });
    const sent = await fetch(`${url}/edit`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{"reason":"typo","document":{"amount": 90071992547409931.20}}',
    });
    expect(sent.status).toBe(200);
    expect(await command()).toMatchObject({
      kind: 'edit',
      target: { deliveryId: String(deliveryId), body: '{"amount":90071992547409931.20}' },
    });
  });

  it('sees an answer nobody rang for', async () => {
    const command = await answered('done', {}, false);
    const answer = await console.call('POST', '/api/v1/connections/main-erp/pause', { reason: 'month end' });
    expect(answer.status).toBe(200);
    expect(await command()).toMatchObject({ kind: 'pause', target: { connection: 'main-erp' } });
  });

  it('answers 202 with an id to ask for when the stage is not there within two seconds', async () => {
    const answer = await console.call('POST', '/api/v1/flows/orders/pause');
    expect(answer).toMatchObject({ status: 202, body: { commandId: expect.any(String) } });
    const { commandId } = answer.body as { commandId: string };
    expect(await console.get(`/api/v1/commands/${commandId}`)).toMatchObject({
      status: 200,
      body: { commandId, status: 'waiting', kind: 'pause', target: { flow: 'orders' } },
    });
    await console.cloned.database.query(`update command set status = 'done' where id = $1`, [commandId]);
  });

  it('tells why a stage refused', async () => {
    const command = await answered('refused', { reason: 'a doubt is open until 10:15' });
    const answer = await console.call('POST', `/api/v1/deliveries/${deliveryId}/resolve`, {
      reason: 'seen in the ERP',
      as: 'applied',
      targetId: 'SO-1',
    });
    expect(answer).toMatchObject({
      status: 409,
      body: { code: 'CROSSDOCK_API_REFUSED', detail: 'a doubt is open until 10:15' },
    });
    expect(await command()).toMatchObject({
      kind: 'resolve',
      target: { deliveryId: String(deliveryId), as: 'applied', targetId: 'SO-1' },
    });
  });

  it('fills value maps and binds cross-references through delivery', async () => {
    const filled = await answered('done', { released: 3 });
    const answer = await console.call('PUT', '/api/v1/value-maps/payment-terms?connection=main-erp', {
      values: { net30: '30D' },
    });
    expect(answer).toMatchObject({ status: 200, body: { result: { released: 3 } } });
    expect(await filled()).toMatchObject({
      kind: 'fill',
      target: { connection: 'main-erp', set: 'payment-terms', values: { net30: '30D' } },
    });
    const bound = await answered('done', {});
    const binding = { connection: 'main-erp', document: 'customer', key: 'acme:customer:sb-9', targetId: 'C-9' };
    expect((await console.call('PUT', '/api/v1/xref', binding)).status).toBe(200);
    expect(await bound()).toMatchObject({ kind: 'bind', target: binding });
  });

  it.each([
    ['POST', '/api/v1/deliveries/999/retry', { reason: 'x' }, 404, 'CROSSDOCK_API_NOT_FOUND'],
    ['POST', '/api/v1/deliveries/ID/retry', {}, 400, 'CROSSDOCK_API_BAD_BODY'],
    ['POST', '/api/v1/deliveries/ID/retry', { reason: 'x', force: true }, 400, 'CROSSDOCK_API_BAD_BODY'],
    ['POST', '/api/v1/deliveries/ID/resolve', { reason: 'x', as: 'maybe' }, 400, 'CROSSDOCK_API_BAD_BODY'],
    ['POST', '/api/v1/deliveries/ID/edit', { reason: 'x' }, 400, 'CROSSDOCK_API_BAD_BODY'],
    ['POST', '/api/v1/deliveries/ID/edit', { reason: 'x', document: [1] }, 400, 'CROSSDOCK_API_BAD_BODY'],
    ['POST', '/api/v1/deliveries/ID/edit', { reason: 'x', document: { a: '\0' } }, 400, 'CROSSDOCK_API_BAD_BODY'],
    ['POST', '/api/v1/deliveries/999/edit', { reason: 'x', document: {} }, 404, 'CROSSDOCK_API_NOT_FOUND'],
    ['GET', '/api/v1/deliveries/999/document', undefined, 404, 'CROSSDOCK_API_NOT_FOUND'],
    ['POST', '/api/v1/replays', { reason: 'x' }, 400, 'CROSSDOCK_API_BAD_BODY'],
    ['POST', '/api/v1/replays', { reason: 'x', events: ['1'] }, 400, 'CROSSDOCK_API_BAD_BODY'],
    ['POST', '/api/v1/replays', { reason: 'x', flow: 'orders', rate: 0 }, 400, 'CROSSDOCK_API_BAD_BODY'],
    ['POST', '/api/v1/replays', { reason: 'x', flow: 'orders', rate: 1001 }, 400, 'CROSSDOCK_API_BAD_BODY'],
    ['POST', '/api/v1/replays', { reason: 'x', flow: 'oders' }, 404, 'CROSSDOCK_API_UNKNOWN_FLOW'],
    ['POST', '/api/v1/replays', { reason: 'x', recordId: 'nobody' }, 404, 'CROSSDOCK_API_NOT_FOUND'],
    ['GET', '/api/v1/replays/nope', undefined, 404, 'CROSSDOCK_API_NOT_FOUND'],
    ['DELETE', '/api/v1/replays/nope', undefined, 404, 'CROSSDOCK_API_NOT_FOUND'],
    ['POST', '/api/v1/flows/oders/pause', {}, 404, 'CROSSDOCK_API_UNKNOWN_FLOW'],
    ['POST', '/api/v1/connections/acme-crm/pause', {}, 404, 'CROSSDOCK_API_UNKNOWN_TARGET'],
    ['PUT', '/api/v1/value-maps/x?connection=nope', { values: { a: 'b' } }, 404, 'CROSSDOCK_API_UNKNOWN_TARGET'],
    ['PUT', '/api/v1/value-maps/x', { values: {} }, 400, 'CROSSDOCK_API_BAD_BODY'],
    [
      'PUT',
      '/api/v1/xref',
      { connection: 'main-erp', document: 'customer', key: 'C9', targetId: 'x' },
      400,
      'CROSSDOCK_API_BAD_BODY',
    ],
    ['GET', '/api/v1/commands/nope', undefined, 404, 'CROSSDOCK_API_NOT_FOUND'],
  ])('refuses %s %s with %j', async (method, path, body, status, code) => {
    const before = await console.cloned.database.query('select 1 from command');
    expect(await console.call(method, path.replace('ID', String(deliveryId)), body)).toMatchObject({
      status,
      type: expect.stringContaining('application/problem+json'),
      body: { code },
    });
    expect(await console.cloned.database.query('select 1 from command')).toHaveLength(before.length);
  });
});
