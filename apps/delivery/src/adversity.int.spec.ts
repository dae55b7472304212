import { describe, expect, it } from '@jest/globals';
import type { WriteResult } from '#contracts';
import { fixture } from '../test/fixture.ts';
import { order } from '../test/order.ts';
import { becomes, until } from '../test/harness.ts';
import { Slots } from './engine/slots.ts';

const answer = (result: WriteResult) => ({ do: 'answer', result }) as const;

describe('delivery under adversity', () => {
  const at = fixture();

  it('closes the breaker again when credentials were refused while it was open', async () => {
    const w = await at.running({
      breaker: { windowMs: 10_000, minimum: 4, failures: 0.5, slowMs: 10_000, probeMs: 60 },
      retry: { ladderMs: Array.from({ length: 8 }, () => 20), jitter: 0 },
    });
    w.target.probeAnswer = { ok: false, message: 'down' };
    let open: () => void = () => {};
    const gate = new Promise<void>((resolve) => (open = resolve));
    w.target.fault({ do: 'wait', until: gate }, (r) => r.key === 't:e:slow');
    const slow = await w.send({ key: 'slow' });
    await until('it is open', () => w.target.open === 1);
    w.target.fault({ do: 'not-sent' }, undefined, 1_000);
    for (let n = 0; n < 6; n++) await w.send({ key: `k${n}` });
    const state = async () =>
      (
        await w.database.query('select state, breaker, probe_at from connection_state where connection = $1', [
          w.connection.name,
        ])
      )[0]!;
    await until('the breaker opens', async () => (await state())['breaker'] === 'open');
    // what a 401 to the request in hand does
    await w.database.query(
      `update connection_state set state = 'needs_reauth', probe_holder = null, probe_at = clock_timestamp() where connection = $1`,
      [w.connection.name],
    );
    w.target.heal();
    w.target.probeAnswer = { ok: true };
    open();
    await becomes(w, slow, 'DELIVERED');
    await until('breaker closed', async () => (await state())['breaker'] === 'closed').catch(async (e: Error) => {
      throw new Error(e.message + JSON.stringify(await state()));
    });
  });

  it('sends soon after an attempt row could not be written, not at the end of a lease', async () => {
    const w = await at.world();
    await at.run(w, { leaseMs: 20_000 });
    await w.database.query(`create sequence broken_once`);
    await w.database.query(`create function broken_once() returns trigger language plpgsql as $$ begin
      if nextval('broken_once') = 1 then raise exception 'deadlock' using errcode = '40P01'; end if; return new; end $$`);
    await w.database.query(
      `create trigger broken_once before insert on attempt for each row execute function broken_once()`,
    );
    try {
      await becomes(w, await w.send({ key: 'a' }), 'DELIVERED', 5_000);
    } finally {
      await w.database.query('drop trigger broken_once on attempt');
    }
  });

  it('makes dead what PostgreSQL will never let it prepare, and nothing of what was claimed with it waits for that', async () => {
    const w = await at.world();
    w.target.fault({ do: 'not-sent' }, undefined, 8);
    const engine = await at.run(w);
    const [refused, other] = [await w.send({ key: 'refused' }), await w.send({ key: 'other' })];
    for (const event of [refused, other]) await becomes(w, event, 'PARKED');
    await engine.stop();
    await w.database.query(`create function refused() returns trigger language plpgsql as $$ begin
      if new.key = 't:e:refused' then raise exception 'never' using errcode = 'CD001'; end if; return new; end $$`);
    await w.database.query(`create trigger refused before update on delivery for each row
      when (old.status = 'PARKED' and new.status = 'RETRY_WAIT') execute function refused()`);
    try {
      await w.database.query(`update delivery set next_attempt_at = clock_timestamp() where connection = $1`, [
        w.connection.name,
      ]);
      await w.database.query(`update lane set due_at = clock_timestamp() where connection = $1`, [w.connection.name]);
      await at.run(w);
      await becomes(w, other, 'DELIVERED');
      expect(await becomes(w, refused, 'DEAD')).toMatchObject({
        error_class: 'VALUE',
        error: expect.stringContaining('never'),
      });
    } finally {
      await w.database.query('drop function refused cascade');
    }
  });

  it('stops without waiting for a look that says, once it stops, that a request is to be sent again', async () => {
    const w = await at.world({ timeoutMs: 4_000 });
    const engine = await at.run(w, { leaseMs: 20_000 });
    w.target.fault(answer({ outcome: 'in-doubt', errorClass: 'INTERMITTENT', message: 'no answer' }));
    let open: () => void = () => {};
    const gate = new Promise<void>((resolve) => (open = resolve));
    const find = w.target.find.bind(w.target);
    w.target.find = async (request) => {
      const found = await find(request);
      if (w.target.looks.length > 1) await gate;
      return found;
    };
    await w.send({ document: 'salesOrder' });
    await until('the second look is on its way', () => w.target.looks.length > 1);
    const begunAt = performance.now();
    const stopped = engine.stop(30_000);
    await new Promise((r) => setTimeout(r, 300)); // by then it has given back what was ready
    open();
    await stopped;
    expect(performance.now() - begunAt).toBeLessThan(15_000);
    const lane = await w.database.query(
      'select holder, due_at <= clock_timestamp() as due from lane where connection = $1',
      [w.connection.name],
    );
    expect(lane).toEqual([{ holder: null, due: true }]);
  });

  it('counts a probe after a 403 among the requests that may be open', async () => {
    const w = await at.running({ budget: { concurrency: 2 } });
    let probing = 0,
      most = 0;
    w.target.probe = async () => {
      probing++;
      most = Math.max(most, probing + w.target.open);
      await new Promise((r) => setTimeout(r, 60));
      most = Math.max(most, probing + w.target.open);
      probing--;
      return { ok: true };
    };
    w.target.latencyMs = 50;
    w.target.fault(answer({ outcome: 'rejected', errorClass: 'AUTH', message: 'no', httpStatus: 403 }), undefined, 12);
    const events = await Promise.all(Array.from({ length: 12 }, (_, n) => w.send({ key: `k${n}` })));
    for (const event of events) await becomes(w, event, 'DEAD');
    expect(most).toBeLessThanOrEqual(2);
  });

  it('uses no slot whose time is over', async () => {
    const w = await at.running();
    await w.database.query(`insert into connection_slot (connection, n) values ('frozen', 1)`);
    const of = (holder: string) =>
      new Slots({ database: w.database, connection: 'frozen', holder, most: 1, leaseMs: 100 });
    const a = of('a'),
      b = of('b');
    await a.take();
    await until('b has it', async () => (await b.take(), b.held === 1));
    await b.enter();
    let entered = false;
    void a.enter().then(() => (entered = true));
    await new Promise((r) => setImmediate(r));
    expect(entered).toBe(false);
  });

  it('does not hammer a target that says Retry-After: 0', async () => {
    const w = await at.running();
    w.target.fault(
      answer({ outcome: 'retry', errorClass: 'RATE_LIMIT', message: 'x', httpStatus: 429, retryAfterMs: 0 }),
      undefined,
      100_000,
    );
    await w.send({ key: 'zero' });
    await new Promise((r) => setTimeout(r, 1_000));
    expect(w.target.requests.length).toBeLessThan(20);
  });

  it('does not go back behind what was posted when a person resolves an older one', async () => {
    const w = await at.running();
    await becomes(w, await w.send({ document: 'payment', key: 'p', version: 5 }), 'DELIVERED');
    const old = await w.send({ document: 'payment', key: 'p', version: 3 });
    await becomes(w, old, 'HELD_REVIEW');
    const orders = await order(w);
    expect(await orders.on(old, 'resolve', { as: 'applied', targetId: 'X' })).toMatchObject({ status: 'done' });
    await orders.stop();
    const [lane] = await w.database.query<{ v: bigint }>(
      `select applied_version as v from lane where connection = $1 and key = 't:e:p'`,
      [w.connection.name],
    );
    expect(lane!.v).toBe(5n);
  });
});
