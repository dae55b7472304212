import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { given } from '#testing';
import { runningConsole, type RunningConsole } from '../../test/running-console.ts';

let console: RunningConsole;
beforeAll(async () => {
  console = await runningConsole();
});
afterAll(() => console?.close());

const CUSTOMERS = { flow: 'customers', connection: 'main-erp', document: 'customer' } as const;

/** The value of one series, e.g. `crossdock_outbox_unpublished` or `name{flow="orders"}`. */
async function series(name: string): Promise<number> {
  const line = (await console.metrics()).split('\n').find((one) => one.startsWith(`${name} `));
  return line === undefined ? NaN : Number(line.slice(name.length + 1));
}

/** Scrapes are cached for a second: waits until one shows what is expected. */
async function shows(name: string, expected: number): Promise<void> {
  const until = Date.now() + 60_000;
  let seen = await series(name);
  while (seen !== expected && Date.now() < until) {
    await new Promise((resolve) => setTimeout(resolve, 100));
    seen = await series(name);
  }
  expect([name, seen]).toEqual([name, expected]);
}

describe('the metrics read from the tables', () => {
  it('tell an equation that no longer holds when a row of any owner is gone', async () => {
    const { database } = console.cloned;
    await shows('crossdock_sync_conservation_difference{equation="captured"}', 0);
    const rows = await Promise.all(
      [1, 2, 3].map((n) => given.captured(database, { entity: 'customer', recordId: `acme-${n}`, age: 120 })),
    );
    const events = rows.map(({ event }) => event!);
    const deliveries = await Promise.all(
      events.map((event) => given.delivery(database, event, { ...CUSTOMERS, status: 'DELIVERED' })),
    );
    await shows('crossdock_sync_conservation_difference{equation="captured"}', 0);
    await shows('crossdock_sync_conservation_difference{equation="fan-out"}', 0);

    await database.query('delete from delivery where id = $1', [deliveries[0]]);
    await shows('crossdock_sync_conservation_difference{equation="fan-out"}', 1);
    await database.query('delete from outbox where id = $1', [events[1]!.outboxId]);
    await shows('crossdock_sync_conservation_difference{equation="captured"}', 1);
    await database.query('delete from captured where id = $1', [rows[2]!.capturedId]);
    await shows('crossdock_sync_conservation_difference{equation="captured"}', 2);
  });

  it('count an event once at the moment it passes its freshness, wherever it is', async () => {
    const { database } = console.cloned;
    const name = 'crossdock_sync_overdue_total{flow="customers"}';
    const before = await series(name);
    const soon = 30 - 4; // the flow's freshness is 30 s: these pass it in 4 s
    await given.captured(database, { entity: 'customer', recordId: 'acme-w', status: 'waiting', age: soon });
    await given.event(database, { entity: 'customer', recordId: 'acme-o', age: soon, published: false });
    const held = await given.event(database, { entity: 'customer', recordId: 'acme-h', age: soon });
    await given.delivery(database, held, { ...CUSTOMERS, status: 'HELD_DEPENDENCY' });
    const late = await given.event(database, { entity: 'customer', recordId: 'acme-l', age: soon });
    await given.delivery(database, late, { ...CUSTOMERS, status: 'DELIVERED', took: 31 });
    const timely = await given.event(database, { entity: 'customer', recordId: 'acme-t', age: soon });
    await given.delivery(database, timely, { ...CUSTOMERS, status: 'DELIVERED', took: 1 });
    const old = await given.event(database, { entity: 'customer', recordId: 'acme-p', age: 3_600 });
    await given.delivery(database, old, CUSTOMERS);
    expect(await series(name)).toBe(before);
    await shows(name, before + 4);
    await given.captured(database, { entity: 'customer', recordId: 'acme-n', status: 'waiting' });
    await shows('crossdock_sync_in_flight{stage="captured"}', 2); // by now it was collected once more
    expect(await series(name)).toBe(before + 4);
  });

  it('show where events are, since when, and what they are worth', async () => {
    const { database } = console.cloned;
    const event = await given.event(database, { recordId: 'sb-1', age: 7_200 });
    await given.delivery(database, event, {
      flow: 'orders',
      connection: 'main-erp',
      document: 'salesOrder',
      status: 'PARKED',
      errorClass: 'VALUE',
      amount: '99.90',
      currency: 'EUR',
      fanOut: 1,
    });
    await given.event(database, { recordId: 'sb-2', published: false });
    await database.query(
      `insert into connection_state (connection, state, breaker) values ('ledger', 'paused', 'open'), ('main-erp', 'needs_reauth', 'closed')`,
    );
    await shows('crossdock_unsynced_amount{flow="orders",currency="EUR",age="1d"}', 99.9);
    await shows(
      'crossdock_sync_oldest_unfinished_timestamp_seconds{flow="orders",state="parked"}',
      event.acceptedAt.getTime() / 1_000,
    );
    await shows('crossdock_delivery_unfinished{flow="orders",status="PARKED"}', 1);
    await shows('crossdock_outbox_unpublished', await unpublished());
    await shows('crossdock_sync_in_flight{stage="captured"}', 2);
    await shows('crossdock_breaker_open{connection="ledger"}', 1);
    await shows('crossdock_connection_active{connection="ledger"}', 0);
    await shows('crossdock_connection_active{connection="sandbox-crm-api"}', 1);
    await shows('crossdock_connection_credentials_refused{connection="ledger"}', 0);
    await shows('crossdock_connection_credentials_refused{connection="main-erp"}', 1);
  });
});

async function unpublished(): Promise<number> {
  const [row] = await console.cloned.database.query<{ n: number }>(
    'select count(*)::int as n from outbox where id > (select high from relay_cursor)',
  );
  return row!.n;
}
