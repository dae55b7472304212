import { afterEach, describe, expect, it } from '@jest/globals';
import { Database, type Statement } from '#db';
import { TcpProxy } from '#testing';
import { fixture } from '../test/fixture.ts';
import { becomes, until } from '../test/harness.ts';

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
