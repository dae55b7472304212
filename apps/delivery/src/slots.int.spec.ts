import { describe, expect, it } from '@jest/globals';
import { Slots } from './engine/slots.ts';
import { fixture } from '../test/fixture.ts';
import { becomes, until } from '../test/harness.ts';

let names = 0;

describe('the slots of a connection', () => {
  const at = fixture();

  async function sharing(most: number, ...holders: string[]): Promise<Slots[]> {
    const connection = `shared-${++names}`;
    await at.database.query(
      'insert into connection_slot (connection, n) select $1, n from generate_series(1, $2::int) n',
      [connection, most],
    );
    return holders.map((holder) => new Slots({ database: at.database, connection, holder, most, leaseMs: 60_000 }));
  }
  const held = (all: readonly Slots[]): number[] => all.map((slots) => slots.held);
  /** what the workers do about once a second, until nothing changes any more */
  async function settle(all: readonly Slots[]): Promise<void> {
    for (let round = 0; round < 3; round++)
      for (const slots of all) {
        await slots.balance();
        await slots.take();
      }
  }

  it('are shared evenly by those who have work, the remainder too', async () => {
    const all = await sharing(8, 'a', 'b', 'c');
    const [a, b, c] = all;
    await a!.take();
    expect(held(all)).toEqual([8, 0, 0]);
    await b!.take();
    await settle([a!, b!]);
    expect(held(all)).toEqual([4, 4, 0]);
    await c!.take();
    await settle(all);
    expect(held(all)).toEqual([3, 3, 2]);
    await a!.part();
    await settle([b!, c!]);
    expect(held(all)).toEqual([0, 4, 4]);
  });

  it('go back only when their requests have ended', async () => {
    const all = await sharing(4, 'a', 'b');
    const [a, b] = all;
    await a!.take();
    for (let n = 0; n < 4; n++) await a!.enter();
    await b!.take();
    await settle(all);
    expect(b!.held).toBe(0);
    a!.leave();
    await until('b has the one that is free', async () => (await settle(all), b!.held === 1));
    expect(a!.open + b!.held).toBe(4);
    for (let n = 0; n < 3; n++) a!.leave();
    await until('b has its share', async () => (await settle(all), b!.held === 2));
  });

  it('are one each at least, as far as they go', async () => {
    const all = await sharing(2, 'a', 'b', 'c');
    for (const slots of all) await slots.take();
    await settle(all);
    expect(held(all).toSorted()).toEqual([0, 1, 1]);
  });

  it('are found again by who lost sight of them', async () => {
    const [a] = await sharing(3, 'a');
    await a!.take();
    const connection = `shared-${names}`;
    const again = new Slots({ database: at.database, connection, holder: 'a', most: 3, leaseMs: 60_000 });
    await again.take();
    expect(again.held).toBe(3);
  });

  it('of a process that died are free at once', async () => {
    const w = await at.world({ budget: { concurrency: 3 } });
    await w.database.query(
      `with gone as (insert into delivery_process (holder, locked_at) values ('gone', clock_timestamp()))
       insert into connection_slot (connection, n, holder, until)
       select $1, n, 'gone', clock_timestamp() + interval '1 hour' from generate_series(1, 3) n`,
      [w.connection.name],
    );
    await at.run(w);
    await becomes(w, await w.send({}), 'DELIVERED');
    expect(await w.database.query(`select 1 from delivery_process where holder = 'gone'`)).toEqual([]);
  });

  it('of a process that only sleeps count until its lease is over', async () => {
    const w = await at.world({ budget: { concurrency: 1 } });
    const sleeper = await w.database.session();
    await sleeper.query(`select pg_advisory_lock(hashtextextended('crossdock delivery sleeper', 0))`);
    await w.database.query(
      `with sleeps as (insert into delivery_process (holder, locked_at) values ('sleeper', clock_timestamp()))
       insert into connection_slot (connection, n, holder, until)
       values ($1, 1, 'sleeper', clock_timestamp() + interval '2 s')`,
      [w.connection.name],
    );
    const [before] = await w.database.query<{ now: Date }>('select clock_timestamp() as now');
    await at.run(w);
    const event = await w.send({});
    const row = await becomes(w, event, 'DELIVERED');
    expect((row['finished_at'] as Date).getTime() - before!.now.getTime()).toBeGreaterThan(1_700);
    await sleeper.close();
  });

  it('are left to others while there is nothing to do', async () => {
    const w = await at.running({ budget: { concurrency: 4 } });
    await becomes(w, await w.send({ key: 'a' }), 'DELIVERED');
    const taken = async (): Promise<number> => {
      const [row] = await w.database.query<{ n: bigint }>(
        `select (select count(*) from connection_slot where connection = $1 and holder is not null)
              + (select count(*) from connection_member where connection = $1) as n`,
        [w.connection.name],
      );
      return Number(row!.n);
    };
    await until('all have gone back', async () => (await taken()) === 0);
    w.wakeAll(); // a look that finds nothing takes none
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(await taken()).toBe(0);
    await becomes(w, await w.send({ key: 'b' }), 'DELIVERED');
  });

  it('are used by every process that has work', async () => {
    const w = await at.world({ budget: { concurrency: 6 } });
    w.target.latencyMs = 15;
    await at.run(w, { holder: 'one' });
    await at.run(w, { holder: 'two' });
    const events = await Promise.all(Array.from({ length: 200 }, (_, n) => w.send({ key: `k${n}` })));
    for (const event of events) await becomes(w, event, 'DELIVERED', 20_000);
    const shares = await w.database.query<{ holder: string; n: bigint }>(
      `select holder, count(*) as n from attempt where holder in ('one', 'two') group by holder`,
    );
    expect(shares).toHaveLength(2);
    for (const { n } of shares) expect(Number(n)).toBeGreaterThan(200 / 6);
    expect(w.target.mostOpen).toBeLessThanOrEqual(6);
  });
});
