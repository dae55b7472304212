import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { given } from '#testing';
import { runningConsole, type RunningConsole } from '../../test/running-console.ts';
import type { DeliveryItem } from './delivery-row.ts';

let console: RunningConsole;
beforeAll(async () => {
  console = await runningConsole();
  const { database } = console.cloned;
  for (let n = 1; n <= 5; n++) {
    const event = await given.event(database, { recordId: `sb-${n}`, version: 9007199254740993n });
    const status = (['PENDING', 'HELD_DEPENDENCY', 'DEAD', 'DELIVERED', 'DEAD'] as const)[n - 1]!;
    await given.delivery(database, event, {
      flow: 'orders',
      connection: 'main-erp',
      document: 'salesOrder',
      status,
      errorClass: status === 'DEAD' ? 'VALUE' : undefined,
      targetId: status === 'DELIVERED' ? 'SO-1' : undefined,
    });
  }
});
afterAll(() => console?.close());

const list = async (query: string): Promise<{ items: DeliveryItem[]; next?: string }> => {
  const { status, body } = await console.get(`/api/v1/deliveries?${query}`);
  expect(status).toBe(200);
  return body as unknown as { items: DeliveryItem[]; next?: string };
};

describe('the list of deliveries', () => {
  it('says of what waits that the daily quota is used up, and until when', async () => {
    const { database } = console.cloned;
    await database.query(
      `insert into connection_state (connection, quota_used, quota_most, quota_resets_at)
       values ('main-erp', 8, 8, clock_timestamp() + interval '1 hour')`,
    );
    const waiting = { kind: 'quota', until: expect.stringMatching(/^\d{4}-/) };
    expect((await list('recordId=sb-1')).items).toMatchObject([{ status: 'PENDING', waitingFor: waiting }]);
    expect((await list('recordId=sb-4')).items[0]!.waitingFor).toBeUndefined();
    await database.query('update connection_state set quota_used = 7');
    expect((await list('recordId=sb-1')).items[0]!.waitingFor).toBeUndefined();
  });

  it('shows longs as strings and times as ISO 8601', async () => {
    const [item] = (await list('recordId=sb-4')).items;
    expect(item).toMatchObject({
      id: expect.stringMatching(/^\d+$/),
      flow: 'orders',
      target: 'main-erp',
      document: 'salesOrder',
      key: 'acme:order:sb-4',
      aggregateVersion: '9007199254740993',
      status: 'DELIVERED',
      attempts: 0,
      targetId: 'SO-1',
      finishedAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/),
    });
  });

  it('says why the mapping does not want a document, once: a refusal has it in its error', async () => {
    const { database } = console.cloned;
    const event = await given.event(database, { recordId: 'sb-open', entity: 'contact' });
    const id = await given.delivery(database, event, {
      flow: 'customers',
      connection: 'ledger',
      document: 'contact',
      status: 'IGNORED',
    });
    const kindIs = (kind: string): Promise<unknown> =>
      database.query(`update delivery set kind = $2, reason = 'stage is OPEN, wanted WON' where id = $1`, [id, kind]);
    await kindIs('withdraw');
    expect((await list('recordId=sb-open')).items).toMatchObject([{ reason: 'stage is OPEN, wanted WON' }]);
    await kindIs('rejected');
    expect((await list('recordId=sb-open')).items[0]!.reason).toBeUndefined();
    await database.query('delete from delivery_key where delivery_id = $1', [id]);
    await database.query('delete from delivery where id = $1', [id]);
  });

  it('pages newest first without repeating or skipping, also when rows arrive in between', async () => {
    const first = await list('flow=orders&limit=2');
    const event = await given.event(console.cloned.database, { recordId: 'sb-late', entity: 'customer' });
    await given.delivery(console.cloned.database, event, {
      flow: 'customers',
      connection: 'main-erp',
      document: 'customer',
    });
    const second = await list(`limit=2&after=${first.next}`);
    const third = await list(`limit=2&after=${second.next}`);
    expect([...first.items, ...second.items, ...third.items].map((item) => item.key)).toEqual(
      [5, 4, 3, 2, 1].map((n) => `acme:order:sb-${n}`),
    );
    expect(third.next).toBeUndefined();
  });

  it.each([
    ['status=DEAD', [5, 3]],
    ['status=dead,held', [5, 3, 2]],
    ['status=unfinished&entity=order', [5, 3, 2, 1]],
    ['errorClass=VALUE&target=main-erp', [5, 3]],
    ['key=acme:order:sb-1', [1]],
    ['entity=order&recordId=sb-2', [2]],
    ['target=ledger', []],
  ])('filters by %s', async (query, expected) => {
    expect((await list(query)).items.map((item) => item.key)).toEqual(expected.map((n) => `acme:order:sb-${n}`));
  });

  it.each([
    ['status=DAED', 400, 'CROSSDOCK_API_BAD_FILTER', 'did you mean "DEAD"?'],
    ['errorClass=VALEU', 400, 'CROSSDOCK_API_BAD_FILTER', 'did you mean "VALUE"?'],
    ['flow=oders', 404, 'CROSSDOCK_API_UNKNOWN_FLOW', 'did you mean "orders"?'],
    ['target=main-epr', 404, 'CROSSDOCK_API_UNKNOWN_TARGET', 'did you mean "main-erp"?'],
    ['statsu=DEAD', 400, 'CROSSDOCK_API_BAD_FILTER', 'did you mean "status"?'],
    ['limit=0', 400, 'CROSSDOCK_API_BAD_FILTER', '1 to 500'],
    ['after=99999999999999999999', 400, 'CROSSDOCK_API_BAD_FILTER', 'next'],
  ])('refuses %s and says what would be right', async (query, status, code, hint) => {
    const answer = await console.get(`/api/v1/deliveries?${query}`);
    expect(answer).toMatchObject({ status, type: expect.stringContaining('application/problem+json'), body: { code } });
    expect((answer.body as { detail: string }).detail).toContain(hint);
  });
});
