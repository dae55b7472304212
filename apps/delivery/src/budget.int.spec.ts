import { describe, expect, it } from '@jest/globals';
import { CrossdockError, type Connection, type WriteResult } from '#contracts';
import type { Database, Statement } from '#db';
import { attemptsOf, fixture } from '../test/fixture.ts';
import { becomes, until, type World } from '../test/harness.ts';
import { order } from '../test/order.ts';

const slowDown = (retryAfterMs?: number): WriteResult => ({
  outcome: 'retry',
  errorClass: 'RATE_LIMIT',
  message: 'slow down',
  httpStatus: 429,
  retryAfterMs,
});

describe('the daily quota of a connection', () => {
  const at = fixture();
  const send = (w: World, count: number): Promise<string[]> =>
    Promise.all(Array.from({ length: count }, (_, n) => w.send({ key: `k${n}` })));
  const statuses = async (w: World, events: readonly string[]): Promise<Record<string, number>> => {
    const found: Record<string, number> = {};
    for (const event of events) {
      const status = (await w.status(event))!;
      found[status] = (found[status] ?? 0) + 1;
    }
    return found;
  };
  const state = async (w: World): Promise<Record<string, unknown>> =>
    (await w.database.query('select * from connection_state where connection = $1', [w.connection.name]))[0]!;
  const midnight = (w: World) =>
    w.database.query(`update connection_state set quota_resets_at = clock_timestamp() where connection = $1`, [
      w.connection.name,
    ]);

  it('leaves the rest waiting without attempts, keeps the reserve for people, and goes on after midnight', async () => {
    const w = await at.world({ budget: { concurrency: 4, dailyQuota: 10, reserve: 2 } });
    await at.run(w);
    await at.run(w);
    const orders = await order(w);
    const events = await send(w, 15);
    await until('the quota but for its reserve is used', async () => (await statuses(w, events))['DELIVERED'] === 8);
    const [first, second, third, ...others] = await left(w, events);
    for (const event of [first!, second!]) {
      await orders.on(event, 'retry');
      await becomes(w, event, 'DELIVERED');
    }
    expect(w.target.requests).toHaveLength(10);
    await orders.on(third!, 'retry');
    // somebody had ample time to send: both processes have read the state of the connection several times
    await until('it is seen that nothing is left', async () => (await state(w))['quota_used'] === 10);
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(w.target.requests).toHaveLength(10);
    expect(await statuses(w, [third!, ...others])).toEqual({ PENDING: 5 });
    for (const event of others) expect(await attemptsOf(w, event)).toEqual([]);
    await midnight(w);
    for (const event of events) await becomes(w, event, 'DELIVERED');
    expect((await state(w))['quota_used']).toBe(5);
    await orders.stop();
  });

  const left = async (w: World, events: readonly string[]): Promise<string[]> => {
    const pending: string[] = [];
    for (const event of events) if ((await w.status(event)) === 'PENDING') pending.push(event);
    return pending;
  };

  it('keeps what a person ordered, and its right to the reserve, when the database fails between permit and attempt', async () => {
    const w = await at.world({ budget: { concurrency: 1, dailyQuota: 3, reserve: 2 } });
    const { database, failed } = failingOnce(at.database, 'ordered = false');
    await at.run(w, { database });
    const orders = await order(w);
    const events = await send(w, 2);
    await until('the quota but for its reserve is used', async () => (await statuses(w, events))['DELIVERED'] === 1);
    const [waiting] = await left(w, events);
    failed.next = true;
    await orders.on(waiting!, 'retry');
    await becomes(w, waiting!, 'DELIVERED');
    expect(failed.times).toBe(1);
    await orders.stop();
  });

  /** The first statement with `part` in it after `next` was set fails as if the database went away for a moment. */
  const failingOnce = (real: Database, part: string) => {
    const failed = { next: false, times: 0 };
    const query = (sql: string | Statement, params?: readonly unknown[]): Promise<unknown[]> => {
      if (!failed.next || !(typeof sql === 'string' ? sql : sql.text).includes(part)) return real.query(sql, params);
      failed.next = false;
      failed.times++;
      return Promise.reject(new CrossdockError('CROSSDOCK_DB_UNAVAILABLE', 'away', { retryable: true }));
    };
    const database = new Proxy(real, {
      get: (_, name) => {
        if (name === 'query') return query;
        const found: unknown = Reflect.get(real, name, real);
        return typeof found === 'function' ? (found.bind(real) as unknown) : found;
      },
    });
    return { database, failed };
  };

  it("ends at midnight in the connection's zone", async () => {
    const w = await at.running({ zone: 'Pacific/Auckland', budget: { concurrency: 1, dailyQuota: 100 } });
    await becomes(w, await w.send({}), 'DELIVERED');
    const [row] = await w.database.query(
      `select (quota_resets_at at time zone 'Pacific/Auckland')::time::text as at,
              quota_resets_at > clock_timestamp() and quota_resets_at <= clock_timestamp() + interval '25 h' as soon
         from connection_state where connection = $1`,
      [w.connection.name],
    );
    expect(row).toEqual({ at: '00:00:00', soon: true });
  });

  it('counts looks and probes too', async () => {
    const w = await at.running({ budget: { concurrency: 1, dailyQuota: 100 } });
    w.target.fault({ do: 'apply-and-hang' });
    const event = await w.send({ document: 'salesOrder' });
    await becomes(w, event, 'DELIVERED');
    expect(w.target.looks.length).toBeGreaterThan(0);
    expect((await state(w))['quota_used']).toBe(w.target.requests.length + w.target.looks.length);
  });
});

describe('the rate of a connection that is told to slow down', () => {
  const at = fixture();
  const rate = async (w: World): Promise<{ now: number | null; low: number | null; top: number | null }> =>
    (
      await w.database.query<{ now: number | null; low: number | null; top: number | null }>(
        `select connection_rate(c) as now, rate_low as low, rate_top as top from connection_state c where connection = $1`,
        [w.connection.name],
      )
    )[0]!;
  const throttled = async (changes: Partial<Connection>, riseMs: number, retryAfterMs?: number): Promise<World> => {
    const w = await at.world(changes);
    await at.run(w, { riseMs });
    await at.run(w, { riseMs });
    w.target.fault({ do: 'answer', result: slowDown(retryAfterMs) }, undefined, 4);
    return w;
  };

  it('is halved once, however many requests of one moment are refused, and for all processes', async () => {
    const w = await at.world({ budget: { concurrency: 4, requestsPerMinute: 6_000 }, timeoutMs: 10_000 });
    const write = w.target.write.bind(w.target);
    let refused = 0;
    let answer = (): void => {};
    let answered = false;
    const moment = new Promise<void>((resolve) => (answer = resolve)).then(() => (answered = true));
    // who took what before the other came has more than its share: then the last one waits for the answer to the others
    let patience: NodeJS.Timeout | undefined;
    w.target.write = async (request) => {
      if (answered) return write(request);
      request.onRequestStart();
      patience ??= setTimeout(() => answer(), 2_000);
      if (++refused === 4) answer();
      await moment;
      return slowDown(200);
    };
    await at.run(w, { riseMs: 3_600_000 });
    await at.run(w, { riseMs: 3_600_000 });
    const events = await Promise.all(Array.from({ length: 4 }, (_, n) => w.send({ key: `k${n}` })));
    for (const event of events) await becomes(w, event, 'DELIVERED');
    clearTimeout(patience);
    expect(refused).toBeGreaterThan(1);
    expect(await rate(w)).toMatchObject({ low: 3_000, top: 6_000 });
  });

  it('keeps to the lowered rate', async () => {
    const w = await at.world({ budget: { concurrency: 8, requestsPerMinute: 1_200 } });
    await w.database.query(
      `insert into connection_state (connection, rate_low, rate_top, rate_step, rate_since)
       values ($1, 600, 1200, 0, clock_timestamp())`,
      [w.connection.name],
    );
    await at.run(w);
    await at.run(w);
    const events = await Promise.all(Array.from({ length: 25 }, (_, n) => w.send({ key: `k${n}` })));
    for (const event of events) await becomes(w, event, 'DELIVERED');
    const times = w.target.applied.map((applied) => applied.at);
    // ten at once, then one each 100 ms: at 1,200 per minute it would be over in a quarter of a second
    expect(times.at(-1)! - times[0]!).toBeGreaterThan(1_000);
  });

  it('rises again to what is configured', async () => {
    const w = await throttled({ budget: { concurrency: 4, requestsPerMinute: 6_000 } }, 1_000, 0);
    const event = await w.send({});
    await until('it is lowered', async () => (await rate(w)).low !== null);
    await until('it is as configured', async () => (await rate(w)).now === null);
    w.target.heal();
    await becomes(w, event, 'DELIVERED');
  });

  it('is found out where none is configured, and lifted again', async () => {
    const w = await throttled({ budget: { concurrency: 4 } }, 500);
    const event = await w.send({});
    // without Retry-After the delivery climbs its ladder, and others go on at half the rate
    await until('it is lowered', async () => ((await rate(w)).low ?? Infinity) <= 120);
    w.target.heal();
    await becomes(w, event, 'DELIVERED');
    await until('it is lifted', async () => (await rate(w)).now === null);
  });
});
