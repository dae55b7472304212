import { describe, expect, it } from '@jest/globals';
import type { WriteResult } from '#contracts';
import { fixture } from '../test/fixture.ts';
import { becomes, rests, until } from '../test/harness.ts';
import { order } from '../test/order.ts';

const refusal: WriteResult = { outcome: 'rejected', errorClass: 'VALUE', message: 'no', httpStatus: 422 };

describe('orders of people', () => {
  const at = fixture();

  it('retries what is dead', async () => {
    const w = await at.running();
    const orders = await order(w);
    w.target.fault({ do: 'answer', result: refusal });
    const event = await w.send({});
    await becomes(w, event, 'DEAD');
    expect(await orders.on(event, 'retry')).toMatchObject({ status: 'done' });
    await becomes(w, event, 'DELIVERED');
    expect(await orders.on(event, 'retry')).toMatchObject({ status: 'refused' });
    await orders.stop();
  });

  it('sends what was held for review when a person retries it', async () => {
    const w = await at.running();
    const orders = await order(w);
    const event = await w.send({ headers: { review: 'looks odd' } });
    await becomes(w, event, 'HELD_REVIEW');
    await orders.on(event, 'retry');
    await becomes(w, event, 'DELIVERED');
    await orders.stop();
  });

  it('cancels what waits, with a result, and refuses it for what is delivered', async () => {
    const w = await at.running();
    const orders = await order(w);
    const event = await w.send({ headers: { review: 'looks odd' }, key: 'ord-cancel' });
    await becomes(w, event, 'HELD_REVIEW');
    expect(await orders.on(event, 'cancel')).toMatchObject({ status: 'done' });
    await becomes(w, event, 'CANCELLED');
    const results = await w.database.query(`select headers from outbox where key = 't:e:ord-cancel'`);
    expect(results).toMatchObject([{ headers: { ce_type: 'sync.result.cancelled' } }]);
    const other = await w.send({ version: 2 });
    await becomes(w, other, 'DELIVERED');
    expect(await orders.on(other, 'cancel')).toMatchObject({ status: 'refused' });
    await orders.stop();
  });

  it('takes "it happened" with the id, and the next version is an update of it', async () => {
    const w = await at.running();
    const orders = await order(w);
    w.target.documents.set('salesOrder', {
      ...w.target.documents.get('salesOrder')!,
      repeatIsSafe: { create: 'never' },
    });
    w.target.fault({ do: 'apply-and-hang' });
    const event = await w.send({ document: 'salesOrder', version: 1 });
    await becomes(w, event, 'PARKED');
    expect(await orders.on(event, 'retry')).toMatchObject({ status: 'refused' });
    expect(await orders.on(event, 'cancel')).toMatchObject({ status: 'refused' });
    expect(await orders.on(event, 'resolve', { as: 'applied' })).toMatchObject({ status: 'refused' });
    expect(await orders.on(event, 'resolve', { as: 'applied', targetId: 'T1' })).toMatchObject({ status: 'done' });
    expect(await w.row(event)).toMatchObject({ status: 'RESOLVED_MANUAL', target_id: 'T1' });
    const next = await w.send({ document: 'salesOrder', version: 2 });
    await becomes(w, next, 'DELIVERED');
    expect(w.target.applied.at(-1)).toMatchObject({ operation: 'update' });
    await orders.stop();
  });

  it('takes "it did not happen" only after the settle time, and then sends it', async () => {
    const w = await at.running();
    const orders = await order(w);
    w.target.documents.set('task', { ...w.target.documents.get('task')!, settleMs: 1_000 });
    w.target.fault({ do: 'hang' });
    const event = await w.send({ document: 'task' });
    await becomes(w, event, 'PARKED');
    const early = await orders.on(event, 'resolve', { as: 'not-applied' });
    expect(early).toMatchObject({ status: 'refused' });
    expect(early.result['reason']).toMatch(/until/);
    await until('the order is taken', async () => {
      const later = await orders.on(event, 'resolve', { as: 'not-applied' });
      return later.status === 'done';
    });
    await becomes(w, event, 'DELIVERED');
    expect(w.target.applied).toHaveLength(1);
    await orders.stop();
  });

  it('keeps a newer version back until a person has said what became of the older one, in whatever words', async () => {
    const w = await at.running();
    const orders = await order(w);
    for (const [key, as, sent] of [
      ['there', 'applied', 'update'],
      ['not-there', 'not-applied', 'create'],
    ] as const) {
      w.target.fault({ do: as === 'applied' ? 'apply-and-hang' : 'hang' });
      const first = await w.send({ document: 'task', key, version: 1 });
      await becomes(w, first, 'PARKED');
      const second = await w.send({ document: 'task', key, version: 2 });
      await rests(w);
      expect(await w.status(second)).toBe('PENDING');
      const targetId = w.target.records('task', `t:e:${key}`)[0]?.id;
      await until('the order is taken', async () => {
        const { status } = await orders.on(first, 'resolve', { as, targetId });
        return status === 'done';
      });
      await becomes(w, second, 'DELIVERED');
      expect(w.target.applied.at(-1)).toMatchObject({ operation: sent, body: '{"a":2}' });
      expect(w.target.records('task', `t:e:${key}`)).toHaveLength(1);
    }
    await orders.stop();
  });

  it('sends nothing more to another record once a person has said which one it is, and all of it to that one', async () => {
    const w = await at.running({ retry: { ladderMs: [1_500, 1_500], jitter: 0 } });
    const orders = await order(w);
    const bind = (targetId: string) =>
      orders.place('bind', { connection: w.connection.name, document: 'salesOrder', key: 't:e:r1', targetId });
    await becomes(w, await w.send({ document: 'salesOrder', version: 1 }), 'DELIVERED');
    w.target.fault({ do: 'not-sent' });
    w.target.fault({ do: 'answer', result: { outcome: 'done', httpStatus: 204 } }, () => true, 9);
    const second = await w.send({ document: 'salesOrder', version: 2 });
    await becomes(w, second, 'RETRY_WAIT');
    expect(await bind('RIGHT')).toMatchObject({ status: 'done' });
    await becomes(w, second, 'DELIVERED');
    await bind('OTHER');
    await becomes(w, await w.send({ document: 'salesOrder', version: 3, body: { a: 2 } }), 'DELIVERED'); // as version 2
    await bind('OTHER');
    await becomes(w, await w.send({ document: 'salesOrder', version: 4, body: { a: 2 } }), 'SKIPPED_NOCHANGE');
    expect(w.target.requests.slice(1).map(({ operation, targetId }) => [operation, targetId])).toEqual([
      ['update', 'RIGHT'],
      ['update', 'OTHER'],
    ]);
    await orders.stop();
  });

  it('fills in anew what the target refused, when a person tries it again', async () => {
    const w = await at.running();
    const orders = await order(w);
    const fill = (to: string) =>
      orders.place('fill', { connection: w.connection.name, set: 'terms', values: { net30: to } });
    await fill('WRONG');
    w.target.fault({ do: 'answer', result: { outcome: 'rejected', errorClass: 'VALUE', message: 'no' } });
    const open = [{ pointer: '/terms', values: { set: 'terms', from: 'net30' } }];
    const event = await w.send({ body: { a: 1 }, headers: { open } });
    await becomes(w, event, 'DEAD');
    await fill('RIGHT');
    expect(await orders.on(event, 'retry')).toMatchObject({ status: 'done', result: { revision: 2 } });
    await becomes(w, event, 'DELIVERED');
    expect(w.target.requests.map(({ body }) => body)).toEqual(['{"a":1,"terms":"WRONG"}', '{"a":1,"terms":"RIGHT"}']);
    const [refused, sent] = w.target.requests;
    expect(sent!.requestKey).not.toBe(refused!.requestKey);
    await orders.stop();
  });

  it('tries what was refused again under a key of its own, where the target answers a key that it knows as before', async () => {
    const w = await at.running();
    const orders = await order(w);
    const refusal = { outcome: 'rejected', errorClass: 'VALUE', message: 'no such account' } as const;
    w.target.fault({ do: 'answer', result: refusal });
    const event = await w.send({ document: 'journalEntry' });
    await becomes(w, event, 'DEAD');
    const [refused] = w.target.requests;
    w.target.fault({ do: 'answer', result: refusal }, ({ requestKey }) => requestKey === refused!.requestKey, 99);
    await orders.on(event, 'retry');
    await becomes(w, event, 'DELIVERED');
    expect(w.target.applied).toMatchObject([{ body: refused!.body }]);
    await orders.stop();
  });

  it('tries a refused reversal of what is withdrawn again under a key of its own', async () => {
    const w = await at.running();
    const orders = await order(w);
    await becomes(w, await w.send({ document: 'invoice', version: 1, body: { lines: [{ debit: '1' }] } }), 'DELIVERED');
    const refusal = { outcome: 'rejected', errorClass: 'VALUE', message: 'account locked' } as const;
    w.target.fault({ do: 'answer', result: refusal });
    const gone = await w.send({ document: 'invoice', version: 2, kind: 'withdraw' });
    await becomes(w, gone, 'DEAD');
    const refused = w.target.requests.at(-1)!;
    w.target.fault({ do: 'answer', result: refusal }, ({ requestKey }) => requestKey === refused.requestKey, 99);
    await orders.on(gone, 'retry');
    await becomes(w, gone, 'DELIVERED');
    expect(w.target.requests.at(-1)).toMatchObject({ operation: 'reverse', body: refused.body });
    await orders.stop();
  });

  it('pauses and resumes a flow', async () => {
    const w = await at.running();
    const orders = await order(w);
    const flow = `${w.connection.name}-flow`;
    await orders.place('pause', { flow });
    const event = await w.send({ flow });
    const other = await w.send({ key: 'other' });
    await becomes(w, other, 'DELIVERED');
    expect(await w.status(event)).toBe('PENDING');
    await orders.place('resume', { flow });
    await becomes(w, event, 'DELIVERED');
    await orders.stop();
  });

  it('begins no request of a flow once its pause is done, not of what is in hand either, and all of them when it is resumed', async () => {
    const w = await at.running({ budget: { concurrency: 8, requestsPerMinute: 600, dailyQuota: 1_000 } });
    const orders = await order(w);
    const flow = `${w.connection.name}-flow`;
    const events = await Promise.all(Array.from({ length: 30 }, (_, n) => w.send({ flow, key: `k${n}` })));
    await until('the rate is used up', () => w.target.applied.length >= 10);
    expect(await orders.place('pause', { flow })).toMatchObject({ status: 'done' });
    const [paused] = await w.database.query<{ at: Date }>('select clock_timestamp() as at');
    const other = await w.send({ key: 'other' });
    await becomes(w, other, 'DELIVERED');
    await rests(w);
    const begun = `select 1 from attempt a join delivery d on d.id = a.delivery_id where d.flow = $1 and a.started_at > $2`;
    expect(await w.database.query(begun, [flow, paused!.at])).toEqual([]);
    await orders.place('resume', { flow });
    for (const event of events) await becomes(w, event, 'DELIVERED');
    expect(w.target.applied).toHaveLength(31);
    // nor is any counted that did not take place
    const used = 'select quota_used from connection_state where connection = $1';
    expect(await w.database.query(used, [w.connection.name])).toEqual([{ quota_used: 31 }]);
    await orders.stop();
  });

  it('finds out what became of a request of a paused flow that nobody answered', async () => {
    const w = await at.running();
    const orders = await order(w);
    const flow = `${w.connection.name}-flow`;
    w.target.fault({ do: 'hang' });
    const event = await w.send({ flow, document: 'salesOrder' });
    await until('the request is out', () => w.target.open === 1);
    expect(await orders.place('pause', { flow })).toMatchObject({ status: 'done' });
    await becomes(w, event, 'DELIVERED');
    expect(w.target.applied).toHaveLength(1);
    await orders.stop();
  });

  it('leaves each flow as its last order says when several processes execute what has waited', async () => {
    const w = await at.world();
    const flows = Array.from({ length: 60 }, (_, n) => `${w.connection.name}-flow-${n}`);
    await w.database.query(`insert into flow_state (flow, state) select unnest($1::text[]), 'paused'`, [flows]);
    await w.database.query(
      `insert into command (stage, kind, target, actor, reason, due_at)
       select 'delivery', kind, json_build_object('flow', flow), 'ada', 'because', now() - interval '1 hour' + n * interval '1 ms' + after
         from unnest($1::text[]) with ordinality as f(flow, n), (values ('resume', interval '0'), ('pause', '100 us')) as k(kind, after)`,
      [flows],
    );
    const processes = await Promise.all([order(w), order(w)]);
    await until('all are answered', async () => {
      const waiting = await w.database.query(`select 1 from command where status = 'waiting'`);
      return waiting.length === 0;
    });
    await Promise.all(processes.map((each) => each.stop()));
    const running = `select flow from flow_state where state = 'running' and flow = any($1::text[])`;
    expect(await w.database.query(running, [flows])).toEqual([]);
  });

  it('has another process go on with the orders of one that dies while it executes one', async () => {
    const w = await at.world();
    const flow = `${w.connection.name}-flow`;
    await w.database.query('create sequence tries');
    await w.database.query(
      `create function hangs() returns trigger language plpgsql as 'begin if nextval(''tries'') = 1 then perform pg_sleep(60); end if; return null; end'`,
    );
    await w.database.query('create trigger hangs after update on command for each row execute function hangs()');
    const processes = [await order(w), await order(w)] as const;
    const first = await processes[0].put('pause', { flow });
    const killed = await until('one executes it', async () => {
      const [sleeping] = await w.database.query<{ pid: number }>(
        `select pid from pg_stat_activity where wait_event = 'PgSleep' and datname = current_database()`,
      );
      return sleeping;
    });
    const second = await processes[0].put('resume', { flow: `${flow}-other` });
    await w.database.query('select pg_terminate_backend($1)', [killed.pid]);
    expect(await processes[1].answer(first)).toMatchObject({ status: 'done' });
    expect(await processes[1].answer(second)).toMatchObject({ status: 'done' });
    await w.database.query('drop function hangs cascade');
    await Promise.all(processes.map((each) => each.stop()));
  });

  it('loses no event that is taken in and looked at while its flow is being resumed', async () => {
    const w = await at.running();
    const orders = await order(w);
    const flow = `${w.connection.name}-flow`;
    await orders.place('pause', { flow });
    // the order takes its time to commit after it looked for whom to wake
    await w.database.query(
      `create function slowly() returns trigger language plpgsql as 'begin perform pg_sleep(1); return null; end'`,
    );
    await w.database.query(
      `create trigger slowly after update on command for each row when (new.kind = 'resume') execute function slowly()`,
    );
    try {
      const resumed = orders.place('resume', { flow });
      await until('the order sleeps', async () => {
        const sleeping = await w.database.query(
          `select 1 from pg_stat_activity where wait_event = 'PgSleep' and datname = current_database()`,
        );
        return sleeping.length > 0;
      });
      const event = await w.send({ flow });
      expect(await resumed).toMatchObject({ status: 'done' });
      await becomes(w, event, 'DELIVERED');
    } finally {
      await w.database.query('drop function slowly cascade');
    }
    await orders.stop();
  });

  it('says of an older fact that it was posted, and leaves the newest one what it was', async () => {
    const w = await at.running();
    const orders = await order(w);
    const newest = await w.send({ document: 'payment', version: 2, body: { a: 2 } });
    await becomes(w, newest, 'DELIVERED');
    const lane =
      "select encode(acknowledged, 'hex') as acknowledged, posted, posted_delivery, applied_version from lane where connection = $1";
    const [before] = await w.database.query(lane, [w.connection.name]);
    const older = await w.send({ document: 'payment', version: 1, body: { a: 1 } });
    await becomes(w, older, 'HELD_REVIEW');
    expect((await orders.on(older, 'resolve', { as: 'applied', targetId: 'T99' })).status).toBe('done');
    expect(await becomes(w, older, 'RESOLVED_MANUAL')).toMatchObject({ target_id: 'T99' });
    expect(await w.database.query(lane, [w.connection.name])).toEqual([before]);
    expect(await w.database.query('select target_id from xref where connection = $1', [w.connection.name])).toEqual([
      { target_id: 'T1' },
    ]);
    await orders.stop();
  });

  it('pauses and resumes a connection', async () => {
    const w = await at.running();
    const orders = await order(w);
    await orders.place('pause', { connection: w.connection.name });
    const event = await w.send({});
    const [row] = await w.database.query('select state from connection_state where connection = $1', [
      w.connection.name,
    ]);
    expect(row).toEqual({ state: 'paused' });
    expect(await w.status(event)).toBe('PENDING');
    await orders.place('resume', { connection: w.connection.name });
    await becomes(w, event, 'DELIVERED');
    await orders.stop();
  });

  it('refuses an order that a mistake of ours keeps from being executed, and executes those that come after it', async () => {
    const w = await at.running();
    const orders = await order(w);
    w.target.documents.get = () => {
      throw new TypeError('documents is not what it was');
    };
    const { name } = w.connection;
    const first = await orders.put('bind', { connection: name, document: 'customer', key: 't:e:r1', targetId: 'C1' });
    expect(await orders.place('fill', { connection: name, set: 'terms', values: { NET30: '30D' } })).toMatchObject({
      status: 'done',
    });
    expect(await orders.answer(first)).toMatchObject({
      status: 'refused',
      result: { reason: expect.stringContaining('documents is not what it was') },
    });
    await orders.stop();
  });

  it('refuses by name what this version cannot do', async () => {
    const w = await at.running();
    const orders = await order(w);
    expect(await orders.place('teleport', {})).toMatchObject({
      status: 'refused',
      result: { reason: expect.stringContaining('teleport') },
    });
    await orders.stop();
  });
});
