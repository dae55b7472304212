import { describe, expect, it } from '@jest/globals';
import { fixture } from '../test/fixture.ts';
import { becomes, until } from '../test/harness.ts';
import { order } from '../test/order.ts';

describe('versions of a record', () => {
  const at = fixture();

  it('delivers the newest of what waits, and the older ones are superseded', async () => {
    const w = await at.world();
    const events = [];
    for (const version of [1, 2, 3]) events.push(await w.send({ version }));
    await at.run(w);
    await becomes(w, events[2]!, 'DELIVERED');
    await becomes(w, events[0]!, 'RESOLVED_SUPERSEDED');
    await becomes(w, events[1]!, 'RESOLVED_SUPERSEDED');
    expect(w.target.applied.map(({ body }) => body)).toEqual(['{"a":3}']);
  });

  it('says of the older ones that they are superseded before it says that the newer one is delivered', async () => {
    const w = await at.world();
    for (const version of [1, 2, 3]) await w.send({ key: 'vs-told', version });
    const newest = await w.send({ key: 'vs-told', version: 4 });
    await at.run(w);
    await becomes(w, newest, 'DELIVERED');
    const said = await w.database.query(
      `select headers->>'ce_type' as type from outbox where topic = 'sync.result.v1' and key = 't:e:vs-told'
        order by (headers->>'ce_aggregateversion')::bigint`,
    );
    const superseded = { type: 'sync.result.superseded' };
    expect(said).toEqual([superseded, superseded, superseded, { type: 'sync.result.delivered' }]);
  });

  it('orders by the version of the source before the order of arrival', async () => {
    const w = await at.running();
    const newer = await w.send({ version: 1, sourceVersion: 7 });
    await becomes(w, newer, 'DELIVERED');
    const older = await w.send({ version: 2, sourceVersion: 5 });
    await becomes(w, older, 'SKIPPED_STALE');
    expect(w.target.applied).toHaveLength(1);
  });

  it('skips what the target has acknowledged already', async () => {
    const w = await at.running();
    await becomes(w, await w.send({ version: 1, body: { x: 1 } }), 'DELIVERED');
    await becomes(w, await w.send({ version: 2, body: { x: 1 } }), 'SKIPPED_NOCHANGE');
    expect(w.target.requests).toHaveLength(1);
  });

  it('supersedes a dead older version when a newer one takes effect', async () => {
    const w = await at.running();
    w.target.fault({ do: 'answer', result: { outcome: 'rejected', errorClass: 'VALUE', message: 'no' } });
    const first = await w.send({ version: 1 });
    await becomes(w, first, 'DEAD');
    await becomes(w, await w.send({ version: 2 }), 'DELIVERED');
    await becomes(w, first, 'RESOLVED_SUPERSEDED');
  });

  it('gives a newer version that arrives in a parked lane its attempt', async () => {
    const w = await at.running();
    w.target.fault({ do: 'not-sent' }, undefined, 4);
    const first = await w.send({ version: 1 });
    await becomes(w, first, 'PARKED');
    await becomes(w, await w.send({ version: 2 }), 'DELIVERED');
    await becomes(w, first, 'RESOLVED_SUPERSEDED');
  });

  it('holds for review what the mapping says, and lets an older version go meanwhile', async () => {
    const w = await at.world();
    const older = await w.send({ version: 1 });
    const held = await w.send({ version: 2, headers: { review: 'no customer number' } });
    await at.run(w);
    await becomes(w, held, 'HELD_REVIEW');
    await becomes(w, older, 'DELIVERED');
  });

  it('ignores a withdrawal when nothing was delivered, and older versions with it', async () => {
    const w = await at.world();
    const older = await w.send({ document: 'salesOrder', version: 1 });
    const gone = await w.send({ document: 'salesOrder', version: 2, kind: 'withdraw' });
    await at.run(w);
    await becomes(w, gone, 'IGNORED');
    await becomes(w, older, 'RESOLVED_SUPERSEDED');
    expect(w.target.requests).toHaveLength(0);
  });

  it('cancels at the target what is withdrawn, and holds what is wanted again', async () => {
    const w = await at.running();
    const first = await w.send({ document: 'salesOrder', version: 1 });
    await becomes(w, first, 'DELIVERED');
    const gone = await w.send({ document: 'salesOrder', version: 2, kind: 'withdraw' });
    await becomes(w, gone, 'DELIVERED');
    expect(w.target.applied.at(-1)).toMatchObject({ operation: 'cancel' });
    expect(w.target.applied.at(-1)!.requestKey).toMatch(/:cancel$/);
    await becomes(w, await w.send({ document: 'salesOrder', version: 3 }), 'HELD_REVIEW');
    expect(w.target.records('salesOrder', 't:e:r1')[0]!.cancelled).toBe(true);
  });

  it('does not ignore the withdrawal of what the target said it has, before its id was known', async () => {
    const w = await at.running();
    w.target.put('salesOrder', 't:e:r1', 'T7');
    w.target.findAnswer = { found: 'many', count: 2, evidence: 'GET' };
    const first = await w.send({ document: 'salesOrder', version: 1 });
    await becomes(w, first, 'PARKED');
    w.target.findAnswer = undefined;
    const gone = await w.send({ document: 'salesOrder', version: 2, kind: 'withdraw' });
    await becomes(w, gone, 'DELIVERED');
    await becomes(w, first, 'RESOLVED_SUPERSEDED');
    expect(w.target.records('salesOrder', 't:e:r1')).toMatchObject([{ id: 'T7', cancelled: true }]);
  });

  it('holds the withdrawal of what the target said it has and does not show, until a person says that it is over', async () => {
    const w = await at.running();
    const orders = await order(w);
    w.target.put('salesOrder', 't:e:r1', 'T7');
    w.target.findAnswer = { found: 'none', evidence: 'GET' };
    const first = await w.send({ document: 'salesOrder', version: 1 });
    await becomes(w, first, 'PARKED');
    const gone = await w.send({ document: 'salesOrder', version: 2, kind: 'withdraw' });
    expect(await becomes(w, gone, 'HELD_REVIEW')).toMatchObject({
      review: expect.stringContaining('does not show it'),
    });
    expect(await w.status(first)).toBe('PARKED');
    await orders.on(gone, 'retry');
    await becomes(w, gone, 'IGNORED');
    await orders.stop();
  });

  it('holds a withdrawal for review where the target has no cancel', async () => {
    const w = await at.running();
    await becomes(w, await w.send({ document: 'customer', version: 1 }), 'DELIVERED');
    await becomes(w, await w.send({ document: 'customer', version: 2, kind: 'withdraw' }), 'HELD_REVIEW');
  });

  it('posts a fact of the kind once, skips equal content, holds other content, drops older ones', async () => {
    const w = await at.running();
    const fact = (version: number, a: number) => w.send({ document: 'journalEntry', version, body: { a } });
    await becomes(w, await fact(2, 1), 'DELIVERED');
    await becomes(w, await fact(1, 9), 'SKIPPED_STALE');
    await becomes(w, await fact(3, 1), 'SKIPPED_NOCHANGE');
    await becomes(w, await fact(4, 2), 'HELD_REVIEW');
    expect(w.target.applied).toHaveLength(1);
  });

  it('posts every version of a fact of the kind each, in order, and never skips one', async () => {
    const w = await at.world();
    const events = [];
    for (const version of [1, 2, 3]) events.push(await w.send({ document: 'payment', version, body: { a: 1 } }));
    await at.run(w);
    for (const event of events) await becomes(w, event, 'DELIVERED');
    const keys = w.target.applied.map(({ requestKey }) => requestKey);
    const expected = await Promise.all(events.map(async (event) => (await w.row(event))['document_id']));
    expect(keys).toEqual(expected);
  });

  it('stops a fact lane at a dead head, and holds one older than the last posted', async () => {
    const w = await at.running();
    w.target.fault({ do: 'answer', result: { outcome: 'rejected', errorClass: 'VALUE', message: 'no' } });
    const dead = await w.send({ document: 'payment', version: 2 });
    await becomes(w, dead, 'DEAD');
    const behind = await w.send({ document: 'payment', version: 3 });
    await becomes(w, await w.send({ document: 'payment', version: 2, key: 'other' }), 'DELIVERED');
    expect(await w.status(behind)).toBe('PENDING');
    await becomes(w, await w.send({ document: 'payment', version: 1, key: 'other' }), 'HELD_REVIEW');
  });

  it('posts a fact older than the last one when a person retries or edits it, and then what waits behind it', async () => {
    const w = await at.running();
    const orders = await order(w);
    const payment = (version: number, more = {}) => w.send({ document: 'payment', version, ...more });
    await becomes(w, await payment(3), 'DELIVERED');
    const edited = await payment(1);
    await becomes(w, edited, 'HELD_REVIEW');
    const open = [{ pointer: '/payer', reference: { document: 'customer', key: 't:e:payer' } }];
    const older = await payment(2, { headers: { open } });
    const next = await payment(4);
    expect(await orders.on(edited, 'edit', { body: '{"a":10}' })).toMatchObject({ status: 'done' });
    await becomes(w, edited, 'DELIVERED');
    expect(await becomes(w, older, 'HELD_REVIEW')).toMatchObject({ review: 'older than the last one posted' });
    expect(await orders.on(older, 'retry')).toMatchObject({ status: 'done' });
    // what it waits for and what goes wrong on the way does not undo the order
    await becomes(w, older, 'HELD_DEPENDENCY');
    w.target.fault({ do: 'not-sent' }, (request) => request.document === 'payment');
    await becomes(w, await w.send({ key: 'payer' }), 'DELIVERED');
    await becomes(w, older, 'DELIVERED');
    await becomes(w, next, 'DELIVERED');
    const posted = w.target.applied.filter(({ document }) => document === 'payment');
    expect(posted.map(({ body }) => body)).toEqual(['{"a":3}', '{"a":10}', '{"a":2,"payer":"T3"}', '{"a":4}']);
    const [lane] = await w.database.query(
      "select applied_version from lane where connection = $1 and document = 'payment'",
      [w.connection.name],
    );
    expect(lane).toEqual({ applied_version: 4n });
    await orders.stop();
  });

  it('keeps many versions of many records in order', async () => {
    const w = await at.running({ budget: { concurrency: 16 } });
    w.target.latencyMs = 3;
    for (let version = 1; version <= 10; version++)
      await Promise.all(
        Array.from({ length: 20 }, (_, key) =>
          w.send({ document: 'customer', key: `k${key}`, version, body: { version } }),
        ),
      );
    await until('everything is finished', async () => {
      const [row] = await w.database.query<{ n: bigint }>(
        `select count(*) as n from delivery where connection = $1 and status not in ('DELIVERED', 'RESOLVED_SUPERSEDED', 'SKIPPED_STALE')`,
        [w.connection.name],
      );
      return row!.n === 0n;
    });
    const last = new Map<string, number>();
    for (const { key, body } of w.target.applied) {
      const { version } = JSON.parse(body!) as { version: number };
      expect(version).toBeGreaterThan(last.get(key) ?? 0);
      last.set(key, version);
    }
    expect([...last.values()]).toEqual(Array.from({ length: 20 }, () => 10));
    expect(w.target.mostOpen).toBeLessThanOrEqual(16);
  });
});
