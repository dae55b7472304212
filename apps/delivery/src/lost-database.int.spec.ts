import { afterEach, describe, expect, it } from '@jest/globals';
import type { Target } from '#contracts';
import { Database, type Statement } from '#db';
import { TcpProxy } from '#testing';
import { fixture } from '../test/fixture.ts';
import { becomes, until } from '../test/harness.ts';

/** So many that a process has requests in hand which wait for a free one. */
const SLOTS = 8;
const KEYS = Array.from({ length: 40 }, (_, n) => `k${n}`);

describe('a database that does not answer', () => {
  const at = fixture();
  const cleanUp: (() => unknown)[] = [];
  afterEach(async () => {
    for (const undo of cleanUp.splice(0).reverse()) await undo();
  });

  it('is left by every connection that hangs when its host is lost without a word, and used through new ones', async () => {
    const way = await TcpProxy.before(at.url);
    cleanUp.push(() => way.proxy.close());
    const database = await Database.open({ url: way.url, name: 'lost', max: 6, queryTimeoutMs: 500, byKey: true });
    const w = await at.world();
    const engine = w.engine({ database });
    await engine.start();
    cleanUp.push(async () => {
      await engine.stop(2_000);
      await database.close();
    });
    await becomes(w, await w.send({ key: 'before' }), 'DELIVERED');
    const entered = async (): Promise<unknown> => {
      const own = 'select locked_at from delivery_process where holder = $1';
      return (await at.database.query(own, [engine.store.holder]))[0]?.['locked_at'];
    };
    const before = await entered();
    way.proxy.lose();
    await becomes(w, await w.send({ key: 'meanwhile' }), 'DELIVERED', 15_000);
    await until('a session that works says that the process lives', async () => {
      const now = await entered();
      return now !== undefined && String(now) !== String(before);
    });
    expect(w.target.applied).toHaveLength(2);
  });

  it.each<[string, (way: TcpProxy) => void]>([
    ['is refused', (way) => ((way.down = true), way.reset())],
    ['hears nothing more', (way) => (way.toServer = way.toClient = { swallow: true })],
  ])(
    'leaves all to the other one of two processes when one alone is cut off and %s: that one sends nothing after its lease',
    async (_, cutOff) => {
      const { proxy, url } = await TcpProxy.before(at.url);
      cleanUp.push(() => proxy.close());
      const database = await Database.open({ url, name: 'cut off', max: 6, queryTimeoutMs: 500, byKey: true });
      const w = await at.world({ timeoutMs: 2_000, budget: { concurrency: SLOTS } });
      // by the one that is cut off: when bytes left, and how many of its requests wait for an answer that comes later
      const sent: number[] = [];
      let waiting = 0;
      let answer = (): void => {};
      let later: Promise<void> | undefined = new Promise((resolve) => (answer = resolve));
      const target: Target = {
        documents: w.target.documents,
        find: (request) => w.target.find(request),
        close: () => Promise.resolve(),
        async write({ onRequestStart, ...request }) {
          const started = (): void => {
            onRequestStart();
            sent.push(performance.now());
          };
          const answer = await w.target.write({ ...request, onRequestStart: started });
          if (later !== undefined) waiting++;
          await later;
          return answer;
        },
      };
      const targets = new Map([[w.connection.name, target]]);
      const one = w.engine({ database, targets });
      await one.start();
      cleanUp.push(async () => {
        proxy.heal();
        proxy.reset();
        await one.stop(2_000);
        await database.close();
      });
      const send = (version: number): Promise<string[]> =>
        Promise.all(KEYS.map((key) => w.send({ document: 'payment', key, version, body: { version } })));
      const took = (): unknown[][] =>
        KEYS.map((key) =>
          w.target.applied
            .filter((each) => each.key === `t:e:${key}`)
            .map(({ body }) => (JSON.parse(body!) as { version: number }).version),
        );
      const inOrder = (last: number): number[][] => KEYS.map(() => Array.from({ length: last }, (_, n) => n + 1));
      const events: string[] = [];
      for (const version of [1, 2, 3, 4]) events.push(...(await send(version)));
      await until('all its slots are in use', () => waiting === SLOTS);
      await at.run(w);
      cutOff(proxy);
      const held = 'select 1 from lane where holder = $1 and until > clock_timestamp()';
      await until('it holds no lease', async () => (await at.database.query(held, [one.store.holder])).length === 0);
      const freeAt = performance.now();
      answer(); // its slots would be free for what it has in hand
      later = undefined;
      // in 60 s PostgreSQL would do the same: idle_in_transaction_session_timeout
      const endIdle = `select pg_terminate_backend(pid) from pg_stat_activity
                        where application_name = 'crossdock cut off' and state = 'idle in transaction' and state_change < now() - interval '1 s'`;
      await until(
        'the other one does all',
        async () => {
          await at.database.query(endIdle);
          const statuses = await Promise.all(events.map((event) => w.status(event)));
          return statuses.every((status) => status === 'DELIVERED');
        },
        30_000,
      );
      expect(sent.filter((at) => at > freeAt)).toEqual([]);
      expect(took()).toEqual(inOrder(4));

      proxy.heal();
      proxy.reset();
      const before = sent.length;
      let version = 4;
      await until(
        'it sends again',
        async () => {
          await send(++version);
          return sent.length > before;
        },
        20_000,
      );
      await until('all is delivered', () => w.target.applied.length >= version * KEYS.length);
      expect(took()).toEqual(inOrder(version));
    },
    120_000,
  );

  it('does not keep a process that stops from ending what it has in hand, and leaves its lanes to their leases', async () => {
    const { proxy, url } = await TcpProxy.before(at.url);
    cleanUp.push(() => proxy.close());
    const database = await Database.open({ url, name: 'gone', max: 6, queryTimeoutMs: 500, byKey: true });
    cleanUp.push(() => database.close());
    const w = await at.world({ timeoutMs: 10_000, budget: { concurrency: SLOTS, requestsPerMinute: 1 } });
    let answered = false;
    let answer = (): void => {};
    w.target.fault({ do: 'wait', until: new Promise<void>((resolve) => (answer = resolve)) });
    await Promise.all(KEYS.map((key) => w.send({ key })));
    const engine = w.engine({ database });
    await engine.start();
    const held = 'select 1 from lane where holder = $1';
    await until('one is out, and others are ready', async () => {
      const lanes = await at.database.query(held, [engine.store.holder]);
      return w.target.requests.length === 1 && lanes.length > 1;
    });
    proxy.down = true;
    proxy.reset();
    const stopped = engine.stop(3_000).then(() => answered);
    setTimeout(() => {
      answered = true;
      answer();
    }, 1_000);
    expect(await stopped).toBe(true);
    expect(w.target.requests).toHaveLength(1);
  });

  it.each<[string, () => Promise<never>]>([
    ['fails', () => Promise.reject(new Error('no'))],
    ['hangs', () => new Promise((_, reject) => setTimeout(() => reject(new Error('too late')), 5_000))],
  ])('keeps the lane of a request in hand when the renewal of slots %s', async (_, instead) => {
    const w = await at.world({ timeoutMs: 10_000 });
    let answer = (): void => {};
    w.target.fault({ do: 'wait', until: new Promise<void>((resolve) => (answer = resolve)) });
    await at.run(w, { database: withoutKeeping(at.database, instead) });
    const event = await w.send({});
    await until('the request is out', () => w.target.requests.length === 1);
    const renewed = `select 1 from attempt a join delivery d on d.id = a.delivery_id join lane l on l.id = d.lane_id
                      where d.event_id = $1 and l.until > a.started_at + interval '1200 ms' and l.token = a.token`;
    try {
      await until('its lease was renewed', async () => (await w.database.query(renewed, [event])).length === 1, 3_000);
    } finally {
      answer();
    }
    await becomes(w, event, 'DELIVERED');
    expect(w.target.requests).toHaveLength(1);
  });
});

/** The same database, but for the renewal of slots. */
function withoutKeeping(real: Database, instead: () => Promise<never>): Database {
  const query = (sql: string | Statement, params?: readonly unknown[]): Promise<unknown[]> =>
    typeof sql !== 'string' && sql.name === 'delivery-keep-slots' ? instead() : real.query(sql, params);
  return new Proxy(real, {
    get: (_, name) => {
      if (name === 'query') return query;
      const found: unknown = Reflect.get(real, name, real);
      return typeof found === 'function' ? (found.bind(real) as unknown) : found;
    },
  });
}
