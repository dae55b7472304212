import { randomInt } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import type { OpenField } from '#contracts';
import { fixture } from '../test/fixture.ts';
import { becomes, until, type World } from '../test/harness.ts';
import { order } from '../test/order.ts';

const customerOf = (key: string): OpenField => ({ pointer: '/customer', reference: { document: 'customer', key } });
/** more than a row of an index holds, whatever compression makes of it */
const tooLong = (): string =>
  Array.from({ length: 2_000 }, () => String.fromCodePoint(randomInt(0x4e00, 0x9fa5))).join('');
const currency: OpenField = { pointer: '/terms', values: { set: 'terms', from: 'NET30' } };

describe('holds', () => {
  const at = fixture();
  const orderFor = (w: World, key: string, customer: string) =>
    w.send({ document: 'salesOrder', key, body: { a: 1 }, headers: { open: [customerOf(customer)] } });

  it('holds an order until its customer is delivered, and fills in the id', async () => {
    const w = await at.running();
    const held = await orderFor(w, 'o1', 't:e:c1');
    const row = await becomes(w, held, 'HELD_DEPENDENCY');
    expect(row['waiting_for']).toEqual([{ kind: 'reference', name: 'customer', key: 't:e:c1' }]);
    await becomes(w, await w.send({ document: 'customer', key: 'c1' }), 'DELIVERED');
    await becomes(w, held, 'DELIVERED');
    expect(w.target.applied.at(-1)!.body).toBe('{"a":1,"customer":"T1"}');
    expect(await w.database.query('select 1 from dependency_wait')).toEqual([]);
  });

  it('gives a lane back when holding it failed, and does not wait for the end of its lease', async () => {
    const w = await at.world();
    await at.run(w, { leaseMs: 600_000 });
    await w.database.query('alter table dependency_wait rename to dependency_wait_away');
    let held: string;
    try {
      held = await orderFor(w, 'o9', 't:e:c9');
      const lane = 'select 1 from lane where connection = $1 and holder is null and token > 0 and due_at is not null';
      await until(
        'it was tried and given back',
        async () => (await w.database.query(lane, [w.connection.name])).length === 1,
      );
    } finally {
      await w.database.query('alter table dependency_wait_away rename to dependency_wait');
    }
    await becomes(w, held, 'HELD_DEPENDENCY');
  });

  it('sends at once when the reference is there already', async () => {
    const w = await at.running();
    await becomes(w, await w.send({ document: 'customer', key: 'c2' }), 'DELIVERED');
    await becomes(w, await orderFor(w, 'o2', 't:e:c2'), 'DELIVERED');
  });

  it('loses no wake-up when holding and binding race', async () => {
    const w = await at.running({ budget: { concurrency: 8 } });
    const events: string[] = [];
    for (let round = 0; round < 25; round++) {
      const key = `race-${round}`;
      const [held] = await Promise.all([orderFor(w, `o-${key}`, `t:e:${key}`), w.send({ document: 'customer', key })]);
      events.push(held);
    }
    for (const event of events) await becomes(w, event, 'DELIVERED');
    expect(await w.metrics.text()).toContain('crossdock_delivery_holds_repaired_total 0');
  });

  it('releases more waiters than fit into one statement', async () => {
    const w = await at.running({ budget: { concurrency: 16 } });
    const many = 520;
    for (let n = 0; n < many; n++) await orderFor(w, `many-${n}`, 't:e:big');
    const count = async (status: string): Promise<number> => {
      const [row] = await w.database.query<{ n: bigint }>(
        'select count(*) as n from delivery where connection = $1 and status = $2',
        [w.connection.name, status],
      );
      return Number(row!.n);
    };
    await until('all are held', async () => (await count('HELD_DEPENDENCY')) === many);
    await w.send({ document: 'customer', key: 'big' });
    await until('all are delivered', async () => (await count('DELIVERED')) === many + 1);
  });

  it('repairs by the sweep who still waits for what is there, and counts it', async () => {
    const w = await at.running();
    const held = await orderFor(w, 'o3', 't:e:c3');
    await becomes(w, held, 'HELD_DEPENDENCY');
    await w.database.query(`update dependency_wait set since = since - interval '1 minute'`);
    await w.database.query(
      `insert into xref (connection, document, key, target_id, bound_by) values ($1, 'customer', 't:e:c3', 'C3', 'past us')`,
      [w.connection.name],
    );
    await becomes(w, held, 'DELIVERED');
    await until('it is counted', async () => (await w.metrics.text()).includes('holds_repaired_total 1'));
  });

  it('holds for a value nobody has mapped, and sends it when a person fills it', async () => {
    const w = await at.running();
    const stop = await order(w);
    const held = await w.send({ document: 'salesOrder', key: 'v1', body: { a: 1 }, headers: { open: [currency] } });
    await becomes(w, held, 'HELD_DEPENDENCY');
    expect(
      await stop.place('fill', { connection: w.connection.name, set: 'terms', values: { NET30: '30D' } }),
    ).toMatchObject({ status: 'done' });
    await becomes(w, held, 'DELIVERED');
    expect(w.target.applied[0]!.body).toBe('{"a":1,"terms":"30D"}');
    await stop.stop();
  });

  it('sends it as well when the map for all connections is filled', async () => {
    const w = await at.running();
    const stop = await order(w);
    const field: OpenField = { pointer: '/unit', values: { set: 'units', from: 'PCE' } };
    const held = await w.send({ document: 'customer', key: 'v2', body: {}, headers: { open: [field] } });
    await becomes(w, held, 'HELD_DEPENDENCY');
    await stop.place('fill', { connection: '', set: 'units', values: { PCE: 'EA' } });
    await becomes(w, held, 'DELIVERED');
    await stop.stop();
  });

  it('refuses an order that PostgreSQL cannot take, and executes those that come after it', async () => {
    const w = await at.running();
    const orders = await order(w);
    const values = { [tooLong()]: '30D' };
    const first = await orders.put('fill', { connection: w.connection.name, set: 'terms', values });
    expect(
      await orders.place('fill', { connection: w.connection.name, set: 'terms', values: { NET30: '30D' } }),
    ).toMatchObject({ status: 'done' });
    const refused = await orders.answer(first);
    expect(refused.status).toBe('refused');
    expect(refused.result['reason']).toMatch(/index row/);
    await orders.stop();
  });

  it('makes dead what would wait for more than PostgreSQL can keep, until a person edits it', async () => {
    const w = await at.running();
    const orders = await order(w);
    const open: OpenField[] = [{ pointer: '/terms', values: { set: 'terms', from: tooLong() } }];
    const held = await w.send({ document: 'payment', key: 'long', body: { a: 1 }, headers: { open } });
    expect(await becomes(w, held, 'DEAD')).toMatchObject({ error_class: 'VALUE', attempts: 0 });
    expect((await w.row(held))['error']).toMatch(/index row/);
    expect(await orders.on(held, 'edit', { body: '{"a":1,"terms":"30D"}' })).toMatchObject({ status: 'done' });
    await becomes(w, held, 'DELIVERED');
    await orders.stop();
  });

  it('sends it when a person binds the id', async () => {
    const w = await at.running();
    const stop = await order(w);
    const held = await orderFor(w, 'b1', 't:e:bound');
    await becomes(w, held, 'HELD_DEPENDENCY');
    const target = { connection: w.connection.name, document: 'customer', key: 't:e:bound', targetId: 'C-77' };
    expect(await stop.place('bind', target)).toMatchObject({ status: 'done' });
    await becomes(w, held, 'DELIVERED');
    expect(w.target.applied[0]!.body).toBe('{"a":1,"customer":"C-77"}');
    await stop.stop();
  });

  it('waits for one thing after the other', async () => {
    const w = await at.running();
    const held = await w.send({
      document: 'salesOrder',
      key: 'two',
      body: {},
      headers: {
        open: [customerOf('t:e:x1'), { pointer: '/payer', reference: { document: 'customer', key: 't:e:x2' } }],
      },
    });
    await becomes(w, held, 'HELD_DEPENDENCY');
    await becomes(w, await w.send({ document: 'customer', key: 'x1' }), 'DELIVERED');
    await until('it waits for the other', async () => {
      const row = await w.row(held);
      return row['status'] === 'HELD_DEPENDENCY' && (row['waiting_for'] as unknown[]).length === 1;
    });
    await w.send({ document: 'customer', key: 'x2' });
    await becomes(w, held, 'DELIVERED');
  });
});
