import { describe, expect, it } from '@jest/globals';
import { logger } from '#platform';
import { Budget } from './engine/budget.ts';
import { Guard } from './engine/guard.ts';
import { BRING_FORWARD } from './sql/connection.ts';
import { attemptsOf, fixture } from '../test/fixture.ts';
import { becomes, until, type World } from '../test/harness.ts';

describe('the breaker', () => {
  const at = fixture();
  const set = (w: World, what: string) =>
    w.database.query(`update connection_state set ${what} where connection = $1`, [w.connection.name]);
  const breaker = async (w: World): Promise<string> =>
    (
      await w.database.query<{ breaker: string }>('select breaker from connection_state where connection = $1', [
        w.connection.name,
      ])
    )[0]!.breaker;

  /** The only one to know of a breaker that is open, and is to be probed now. */
  async function opened(log = logger('test')): Promise<{ w: World; guard: Guard }> {
    const w = await at.world();
    const { database, connection, target } = w;
    await database.query(
      `insert into connection_state (connection, breaker, probe_at) values ($1, 'open', clock_timestamp())`,
      [connection.name],
    );
    const budget = new Budget(database, connection);
    const guard = new Guard({
      database,
      connection,
      target,
      budget,
      holder: 'me',
      log,
      reauthMs: 50,
      changed: () => {},
    });
    return { w, guard };
  }

  async function halfOpen(): Promise<{ w: World; guard: Guard }> {
    const made = await opened();
    await made.guard.tick();
    expect(made.guard.trying).toBe(true);
    return made;
  }

  it.each([
    ['held', `held_until = clock_timestamp() + interval '1 hour'`, `held_until = null`],
    ['paused', `state = 'paused'`, `state = 'active'`],
  ])('is not closed by a trial that was given nothing because the connection is %s', async (_, stops, goesOn) => {
    const { w, guard } = await halfOpen();
    await set(w, stops);
    await guard.nothingToTry();
    expect(await breaker(w)).toBe('half-open');
    expect(guard.trying).toBe(false);
    await set(w, goesOn);
    await guard.refresh();
    expect(guard.trying).toBe(true);
    await guard.nothingToTry();
    expect(await breaker(w)).toBe('closed');
    guard.stop();
  });

  it('says why it stays open when the target answers and refuses its probe, and forgets it when it closes', async () => {
    const said: string[] = [];
    const log = { ...logger('test'), warn: (_: unknown, line: string) => void said.push(line), info: () => {} };
    const { w, guard } = await opened(log as unknown as ReturnType<typeof logger>);
    const { database, connection, target } = w;
    const reason = async (): Promise<string | null> =>
      (
        await database.query<{ reason: string | null }>('select reason from connection_state where connection = $1', [
          connection.name,
        ])
      )[0]!.reason;
    const probedAgain = async (): Promise<void> => {
      await set(w, 'probe_at = clock_timestamp()');
      await guard.refresh();
      await guard.tick();
    };
    target.probeAnswer = { ok: false, message: 'connection refused' };
    await guard.tick();
    expect([await reason(), said]).toEqual(['connection refused', []]);
    target.probeAnswer = { ok: false, httpStatus: 404, message: 'the probe answered 404' };
    await probedAgain();
    await probedAgain();
    expect(await reason()).toBe('the probe answered 404');
    expect(said).toEqual([expect.stringContaining('refuses the probe (the probe answered 404)')]);
    target.probeAnswer = { ok: true };
    await probedAgain();
    await guard.nothingToTry();
    expect([await breaker(w), await reason()]).toEqual(['closed', null]);
    guard.stop();
  });

  it('lets one document try after 5 s where a target has no probe, and doubles that with each failure up to 60 s', async () => {
    const breakerOf = { windowMs: 10_000, minimum: 2, failures: 0.5, slowMs: 10_000, probeMs: 50 };
    const { database, connection, target } = await at.world({ breaker: breakerOf }, { probe: false });
    await database.query('insert into connection_state (connection) values ($1)', [connection.name]);
    const budget = new Budget(database, connection);
    const log = logger('test');
    const changed = (): void => {};
    const guard = new Guard({ database, connection, target, budget, holder: 'me', log, reauthMs: 50, changed });
    const seconds = async (): Promise<number | null> => {
      const left = `select round(extract(epoch from probe_at - clock_timestamp()))::integer as s from connection_state where connection = $1`;
      return (await database.query<{ s: number | null }>(left, [connection.name]))[0]!.s;
    };
    const elapses = (): Promise<unknown> =>
      database.query('update connection_state set probe_at = clock_timestamp() where connection = $1', [
        connection.name,
      ]);
    const trips = async (): Promise<void> => {
      for (let n = 0; n < 2; n++) await guard.ended('failure', 1, performance.now());
    };
    await guard.refresh();
    await trips();
    const waits = [];
    for (let n = 0; n < 6; n++) {
      waits.push(await seconds());
      await guard.tick();
      expect(guard.trying).toBe(false);
      await elapses();
      await guard.tick();
      expect(guard.trying).toBe(true);
      await guard.ended('failure', 1, performance.now());
    }
    expect(waits).toEqual([5, 10, 20, 40, 60, 60]);
    await elapses();
    await guard.tick();
    await guard.ended('ok', 1, performance.now());
    expect([guard.closed, await seconds()]).toEqual([true, null]);
    await trips();
    expect(await seconds()).toBe(5);
    guard.stop();
  });

  it('belongs to whoever probed last', async () => {
    const { w, guard } = await halfOpen();
    await set(w, `probe_holder = 'other'`);
    await guard.refresh();
    expect(guard.trying).toBe(false);
    await guard.ended('ok', 1, performance.now());
    expect(await breaker(w)).toBe('half-open');
    guard.stop();
  });

  it('stops what is written down and not sent yet: not-sent, waiting, nothing counted', async () => {
    const w = await at.world({ timeoutMs: 5_000 });
    let goOn = (): void => {};
    const connected = new Promise<void>((resolve) => (goOn = resolve));
    const write = w.target.write.bind(w.target);
    let calls = 0;
    w.target.write = async (request) => {
      calls++;
      await connected; // still connecting: no byte has left
      return write(request);
    };
    await at.run(w, { leaseMs: 60_000 });
    const event = await w.send({ document: 'salesOrder' });
    await until('it is written down', () => calls === 1);
    w.target.probeAnswer = { ok: false, message: 'down' };
    await set(w, `breaker = 'open', probe_at = clock_timestamp()`);
    await until('its process knows that the breaker is open', () => w.target.probes > 0);
    goOn();
    expect(await becomes(w, event, 'PENDING')).toMatchObject({ attempts: 0 });
    expect(await attemptsOf(w, event)).toMatchObject([{ outcome: 'not-sent', counts: false, doubt: null }]);
    expect(w.target.requests).toHaveLength(0);
    w.target.probeAnswer = { ok: true };
    expect(await becomes(w, event, 'DELIVERED')).toMatchObject({ attempts: 1 });
    expect(w.target.requests).toHaveLength(1);
  });

  it('does not let what was refused at the door wait out its ladder once the connection answers, nor climb it', async () => {
    const w = await at.world({
      breaker: { windowMs: 10_000, minimum: 4, failures: 0.5, slowMs: 10_000, probeMs: 60 },
      retry: { ladderMs: [3_600_000, 3_600_000], jitter: 0 },
    });
    w.target.probeAnswer = { ok: false, message: 'down' };
    w.target.fault({ do: 'not-sent' }, undefined, 1_000);
    await at.run(w);
    const refusal = {
      do: 'answer',
      result: { outcome: 'retry', errorClass: 'INTERMITTENT', message: 'busy', httpStatus: 423 },
    } as const;
    const events = await Promise.all(Array.from({ length: 6 }, (_, n) => w.send({ key: `k${n}` })));
    await until('the breaker opens', async () => (await breaker(w)) === 'open');
    w.target.heal();
    w.target.fault(refusal, (request) => request.key === 't:e:k0');
    w.target.probeAnswer = { ok: true };
    for (const event of events.slice(1)) expect(await becomes(w, event, 'DELIVERED')).toMatchObject({ step: 0 });
    // what the target itself put off climbs and waits as ever
    await until('its own refusal counts', async () => {
      const row = await w.row(events[0]!);
      return row['status'] === 'RETRY_WAIT' && row['error_class'] === 'INTERMITTENT' && row['step'] === 1;
    });
  });

  it('lets one lane through after the probe, and all only after that one', async () => {
    const w = await at.world({ budget: { concurrency: 8 }, timeoutMs: 5_000 });
    w.target.probeAnswer = { ok: false, message: 'down' };
    await w.database.query(
      `insert into connection_state (connection, breaker, probe_at) values ($1, 'open', clock_timestamp())`,
      [w.connection.name],
    );
    const events = await Promise.all(Array.from({ length: 12 }, (_, n) => w.send({ key: `k${n}` })));
    await at.run(w);
    await at.run(w);
    await until('it is probed', () => w.target.probes >= 2);
    expect(w.target.requests).toHaveLength(0);
    let goOn = (): void => {};
    w.target.fault({ do: 'wait', until: new Promise<void>((resolve) => (goOn = resolve)) });
    w.target.probeAnswer = { ok: true };
    await until('one is out', () => w.target.requests.length === 1);
    const probes = w.target.probes;
    await new Promise((resolve) => setTimeout(resolve, 150));
    expect(w.target.requests).toHaveLength(1);
    expect(w.target.probes).toBe(probes);
    goOn();
    for (const event of events) await becomes(w, event, 'DELIVERED');
    expect(await breaker(w)).toBe('closed');
  });

  it('looks for what it brings forward among the unfinished alone, however much went through', async () => {
    const { database, connection } = await at.world();
    const plan = await database.transaction(async (tx) => {
      // so small a table would be read as a whole
      await tx.query('set local enable_seqscan = off');
      const lines = await tx.query<Record<string, string>>(`explain ${BRING_FORWARD.text}`, [connection.name]);
      return lines.map((line) => Object.values(line)[0]).join('\n');
    });
    expect(plan).not.toMatch(/Seq Scan on delivery\b/);
    expect(plan).toMatch(/delivery_lane_open/);
  });
});
