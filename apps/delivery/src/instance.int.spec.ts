import { afterEach, describe, expect, it } from '@jest/globals';
import { logger } from '#platform';
import { Instance } from './engine/instance.ts';
import { fixture } from '../test/fixture.ts';
import { until } from '../test/harness.ts';

let names = 0;

describe('who is alive', () => {
  const at = fixture();
  const running: Instance[] = [];
  afterEach(async () => {
    await Promise.all(running.splice(0).map((instance) => instance.stop()));
  });

  async function instance(
    holder = `process-${++names}`,
  ): Promise<{ holder: string; self: Instance; buried: string[] }> {
    const buried: string[] = [];
    const self = new Instance({
      database: at.database,
      holder,
      leaseMs: 60_000,
      log: logger('test'),
      bury: async (_, holders) => void buried.push(...holders),
      freed: () => {},
    });
    running.push(self);
    await self.start();
    return { holder, self, buried };
  }
  const registered = async (holder: string): Promise<boolean> =>
    (await at.database.query('select 1 from delivery_process where holder = $1', [holder])).length === 1;
  /** ends the session of a process as a broken network does */
  const cutOff = (holder: string) =>
    at.database.query(
      `select pg_terminate_backend(pid) from pg_locks
        where locktype = 'advisory' and objid = (hashtextextended('crossdock delivery ' || $1, 0) & 4294967295)::oid`,
      [holder],
    );

  it('is seen while it runs, and forgotten when it stops', async () => {
    const [one, other] = [await instance(), await instance()];
    expect(await registered(one.holder)).toBe(true);
    await one.self.stop();
    expect(await registered(one.holder)).toBe(false);
    expect(other.self.alive).toBe(true);
    expect(other.buried).toEqual([]);
  });

  it('is buried once by whoever survives', async () => {
    const [one, other] = [await instance(), await instance()];
    await at.database.query(`insert into delivery_process (holder, locked_at) values ('gone', clock_timestamp())`);
    await until('it is forgotten', async () => !(await registered('gone')));
    expect([...one.buried, ...other.buried]).toEqual(['gone']);
  });

  it('counts as alive again when its session was lost and it came back, and nobody took anything from it', async () => {
    const [one, other] = [await instance(), await instance()];
    await cutOff(one.holder);
    await until('it noticed', () => !one.self.alive);
    await until('it is back', () => one.self.alive);
    expect(await registered(one.holder)).toBe(true);
    expect(other.buried).toEqual([]);
  });

  it('does not wait for a session of its own that the server still believes in', async () => {
    const holder = `process-${++names}`;
    const swallowed = await at.database.session();
    await swallowed.query(`select pg_advisory_lock(hashtextextended('crossdock delivery ' || $1, 0))`, [holder]);
    const { self } = await instance(holder);
    expect(self.alive).toBe(true);
    expect(await swallowed.lost).toBeDefined();
  });
});
