import { describe, expect, it } from '@jest/globals';
import type { WriteResult } from '#contracts';
import { fixture, attemptsOf } from '../test/fixture.ts';
import { becomes, until, type World } from '../test/harness.ts';
import { order } from '../test/order.ts';

const answer = (result: WriteResult) => ({ do: 'answer', result }) as const;

describe('a connection', () => {
  const at = fixture();

  it('is held as long as Retry-After says, and other records with it', async () => {
    const w = await at.running({ budget: { concurrency: 1 } });
    w.target.fault(
      answer({ outcome: 'retry', errorClass: 'RATE_LIMIT', message: 'slow down', httpStatus: 429, retryAfterMs: 400 }),
    );
    const start = performance.now();
    const first = await w.send({ key: 'a' });
    await becomes(w, first, 'RETRY_WAIT');
    const second = await w.send({ key: 'b' });
    await becomes(w, second, 'DELIVERED');
    expect(performance.now() - start).toBeGreaterThan(380);
    await becomes(w, first, 'DELIVERED');
  });

  const toldToWait = (httpStatus: number, retryAfterMs: number) =>
    answer({
      outcome: 'retry',
      errorClass: httpStatus === 429 ? 'RATE_LIMIT' : 'INTERMITTENT',
      message: 'not now',
      httpStatus,
      retryAfterMs,
    });
  const heldAndLowered = async (w: World): Promise<unknown> =>
    (
      await w.database.query(
        'select held_until, rate_low, rate_lowered_at from connection_state where connection = $1',
        [w.connection.name],
      )
    )[0];
  const isSick = ({ key }: { key: string }): boolean => key === 't:e:sick';

  /** As the connection is once others have gone through since, and the sick one has climbed by that. */
  const onceOthersWent = async (w: World, sick: string): Promise<unknown> => {
    await until('the sick one climbs, as others go through', async () => {
      await becomes(w, await w.send({ key: `well-${w.target.applied.length}` }), 'DELIVERED', 10_000);
      return Number((await w.row(sick))['step']) > 0;
    });
    return heldAndLowered(w);
  };

  it.each([429, 503])(
    'is held by the answer %i to a record, and no more by one that gets nothing else while others go through: that parks',
    async (status) => {
      const w = await at.running({ budget: { concurrency: 1 } });
      w.target.fault(toldToWait(status, 200), isSick, 1_000);
      const sick = await w.send({ key: 'sick' });
      await becomes(w, sick, 'RETRY_WAIT');
      expect(await heldAndLowered(w)).toMatchObject({ held_until: expect.any(Date), rate_low: 30 });
      const once = await onceOthersWent(w, sick);
      expect(await becomes(w, sick, 'PARKED', 20_000)).toMatchObject({
        error_class: status === 429 ? 'RATE_LIMIT' : 'INTERMITTENT',
      });
      expect(await heldAndLowered(w)).toEqual(once);
      await becomes(w, await w.send({ key: 'well' }), 'DELIVERED');
    },
  );

  it('is held no more for a record that alone is told to wait, however often that changes', async () => {
    const w = await at.running();
    w.target.fault(toldToWait(429, 200), isSick, 1_000);
    const first = await w.send({ key: 'sick', version: 1 });
    const once = await onceOthersWent(w, first);
    await becomes(w, await w.send({ key: 'sick', version: 2 }), 'RETRY_WAIT');
    expect(await heldAndLowered(w)).toEqual(once);
  });

  it('is held for as long as all are told to wait, and nobody climbs or parks by that', async () => {
    const w = await at.running({ budget: { concurrency: 2 } });
    w.target.fault(toldToWait(503, 50), undefined, 1_000);
    const events = await Promise.all(['a', 'b'].map((key) => w.send({ key })));
    const tried = async (event: string): Promise<boolean> => Number((await w.row(event))['attempt_n']) >= 4;
    await until('each was tried', async () => (await Promise.all(events.map(tried))).every(Boolean));
    for (const event of events) expect(await w.row(event)).toMatchObject({ step: 0 });
    w.target.heal();
    for (const event of events) await becomes(w, event, 'DELIVERED');
  });

  it('is not held where the status speaks of the record, which waits as long as it was told', async () => {
    const w = await at.running();
    w.target.fault(toldToWait(423, 800), isSick);
    const sick = await w.send({ key: 'sick' });
    expect(await becomes(w, sick, 'RETRY_WAIT')).toMatchObject({ step: 1 });
    expect(await heldAndLowered(w)).toEqual({ held_until: null, rate_low: null, rate_lowered_at: null });
    await becomes(w, sick, 'DELIVERED');
    const [first, second] = (await attemptsOf(w, sick)).map((row) => (row['started_at'] as Date).getTime());
    expect(second! - first!).toBeGreaterThanOrEqual(800);
  });

  it('stops when too much fails, probes, lets one try and then all, and burns no attempts meanwhile', async () => {
    const w = await at.running({
      breaker: { windowMs: 10_000, minimum: 4, failures: 0.5, slowMs: 10_000, probeMs: 60 },
      retry: { ladderMs: Array.from({ length: 8 }, () => 20), jitter: 0 },
    });
    w.target.probeAnswer = { ok: false, message: 'down' };
    w.target.fault({ do: 'not-sent' }, undefined, 1_000);
    const events = await Promise.all(Array.from({ length: 6 }, (_, n) => w.send({ key: `k${n}` })));
    const breaker = async (): Promise<string> => {
      const [row] = await w.database.query<{ breaker: string }>(
        'select breaker from connection_state where connection = $1',
        [w.connection.name],
      );
      return row!.breaker;
    };
    await until('the breaker opens', async () => (await breaker()) === 'open');
    await until('three probes', () => w.target.probes >= 3);
    const burnt = async (): Promise<number> =>
      (await Promise.all(events.map((event) => attemptsOf(w, event)))).flat().length;
    const before = await burnt();
    const probes = w.target.probes;
    await until('more probes', () => w.target.probes >= probes + 3);
    expect(await burnt()).toBe(before);
    w.target.heal();
    w.target.probeAnswer = { ok: true };
    for (const event of events) await becomes(w, event, 'DELIVERED');
    expect(await breaker()).toBe('closed');
  });

  it('opens again when the one that tries fails', async () => {
    const w = await at.running({
      breaker: { windowMs: 10_000, minimum: 2, failures: 0.5, slowMs: 10_000, probeMs: 60 },
      retry: { ladderMs: Array.from({ length: 20 }, () => 20), jitter: 0 },
    });
    w.target.fault({ do: 'not-sent' }, undefined, 6);
    const events = await Promise.all(Array.from({ length: 3 }, (_, n) => w.send({ key: `k${n}` })));
    for (const event of events) await becomes(w, event, 'DELIVERED');
    expect(w.target.probes).toBeGreaterThanOrEqual(2);
  });

  it('needs new credentials after 401, says so, resumes by itself, and no attempt counts', async () => {
    const w = await at.running();
    w.target.probeAnswer = { ok: false, httpStatus: 401, message: 'no' };
    w.target.fault(
      answer({ outcome: 'retry', errorClass: 'AUTH', message: 'unauthorised', httpStatus: 401 }),
      undefined,
      1,
    );
    const event = await w.send({});
    const state = async (): Promise<unknown> =>
      (await w.database.query('select state from connection_state where connection = $1', [w.connection.name]))[0]![
        'state'
      ];
    await until('it needs credentials', async () => (await state()) === 'needs_reauth');
    await until('it was probed', () => w.target.probes >= 2);
    expect(await w.row(event)).toMatchObject({ status: 'PENDING', attempts: 0 });
    w.target.probeAnswer = { ok: true };
    expect(await becomes(w, event, 'DELIVERED')).toMatchObject({ attempts: 1 });
    expect(await state()).toBe('active');
  });

  const unauthorised = answer({ outcome: 'retry', errorClass: 'AUTH', message: 'unauthorised', httpStatus: 401 });
  const stateOf = async (w: World): Promise<unknown> =>
    (await w.database.query('select state from connection_state where connection = $1', [w.connection.name]))[0]![
      'state'
    ];

  it.each([1, 4])(
    'is not paused for good by one record that alone is answered 401: that parks, with %i requests at once',
    async (concurrency) => {
      const w = await at.running({ budget: { concurrency } });
      w.target.fault(unauthorised, isSick, 10_000);
      const sick = await w.send({ key: 'sick' });
      await until('it was refused more than once', async () => Number((await w.row(sick))['attempt_n']) > 1);
      for (let n = 0; n < 3; n++) await becomes(w, await w.send({ key: `well-${n}` }), 'DELIVERED', 10_000);
      await until('it parks, while others go on', async () => {
        if ((await w.status(sick)) === 'PARKED') return true;
        await becomes(w, await w.send({ key: `more-${w.target.applied.length}` }), 'DELIVERED', 10_000);
        return false;
      });
      expect(await w.row(sick)).toMatchObject({ error_class: 'AUTH', attempts: 4 });
      await until('it is active', async () => (await stateOf(w)) === 'active');
      // of the record nothing more is heard, and what it was changed to is refused without a pause
      await becomes(w, await w.send({ key: 'sick', version: 2 }), 'RETRY_WAIT');
      expect(await stateOf(w)).toBe('active');
    },
  );

  it('is not paused again by any of several records that are answered 401 while others go through: they all park', async () => {
    const w = await at.running({ budget: { concurrency: 1 } }, { probe: false });
    w.target.fault(unauthorised, ({ key }) => key.startsWith('t:e:sick'), 10_000);
    const sick = await Promise.all(Array.from({ length: 6 }, (_, n) => w.send({ key: `sick-${n}` })));
    await until('they park, while others go on', async () => {
      await becomes(w, await w.send({ key: `well-${w.target.applied.length}` }), 'DELIVERED', 10_000);
      return (await Promise.all(sick.map((event) => w.status(event)))).every((status) => status === 'PARKED');
    });
    for (const event of sick) expect(await w.row(event)).toMatchObject({ error_class: 'AUTH', attempts: 4 });
    const pausedThough = await w.database.query(
      `with refused as (select * from attempt where outcome = 'retry' and error_class = 'AUTH'),
            first as (select delivery_id, min(ended_at) as at from refused group by 1)
       select r.delivery_id from refused r join first f using (delivery_id)
        where not r.counts
          and exists (select from attempt w where w.outcome = 'done' and w.started_at > f.at and w.ended_at < r.started_at)
        group by 1 having count(*) > 1`, // once: what went through may not have been recorded yet
    );
    expect(pausedThough).toEqual([]);
  });

  it.each([
    [true, 'its probe goes through each time'],
    [false, 'it has no probe'],
  ])('pauses and burns no attempt while all are answered 401 (probe: %s), although %s', async (probe) => {
    const w = await at.running({ budget: { concurrency: 2 } }, { probe });
    await becomes(w, await w.send({ key: 'before' }), 'DELIVERED');
    w.target.fault(unauthorised, undefined, 10_000);
    const events = await Promise.all(['a', 'b', 'c', 'd', 'e'].map((key) => w.send({ key })));
    const tried = async (event: string): Promise<boolean> => Number((await w.row(event))['attempt_n']) >= 3;
    await until('each was tried', async () => (await Promise.all(events.map(tried))).every(Boolean));
    for (const event of events) {
      const ended = (await attemptsOf(w, event)).filter((attempt) => attempt['ended_at'] !== null);
      expect(ended.filter((attempt) => attempt['counts'])).toEqual([]);
    }
    await until('it is paused', async () => (await stateOf(w)) === 'needs_reauth');
    w.target.heal();
    for (const event of events) expect(await becomes(w, event, 'DELIVERED')).toMatchObject({ attempts: 1 });
    expect(await stateOf(w)).toBe('active');
  });

  it('lets who was refused again go at once, and last, when it is resumed', async () => {
    const w = await at.world({ budget: { concurrency: 1 } });
    await at.run(w, { reauthMs: 600_000 });
    const orders = await order(w);
    const resume = () => orders.place('resume', { connection: w.connection.name });
    w.target.fault(unauthorised, undefined, 2);
    const refused = await w.send({ key: 'refused' });
    await until('it is paused', async () => (await stateOf(w)) === 'needs_reauth');
    await resume();
    await until('it was refused again', async () => {
      const row = await w.row(refused);
      return row['attempt_n'] === 2 && row['status'] === 'PENDING';
    });
    expect(await stateOf(w)).toBe('needs_reauth');
    const other = await w.send({ key: 'other' });
    await resume();
    for (const event of [refused, other]) await becomes(w, event, 'DELIVERED', 10_000);
    expect(w.target.applied.map(({ key }) => key)).toEqual(['t:e:other', 't:e:refused']);
    await orders.stop();
  });

  it('takes a 403 for the record while the probe goes through, and for the connection when it fails too', async () => {
    const w = await at.running();
    const forbidden = answer({ outcome: 'rejected', errorClass: 'AUTH', message: 'forbidden', httpStatus: 403 });
    w.target.fault(forbidden);
    expect(await becomes(w, await w.send({ key: 'a' }), 'DEAD')).toMatchObject({ error_class: 'AUTH' });
    w.target.probeAnswer = { ok: false, httpStatus: 403, message: 'no' };
    w.target.fault(forbidden);
    const event = await w.send({ key: 'b' });
    await until('it was probed', () => w.target.probes >= 3);
    expect(await becomes(w, event, 'PENDING')).toMatchObject({ attempts: 0 });
    w.target.probeAnswer = { ok: true };
    await becomes(w, event, 'DELIVERED');
  });

  it('keeps to the concurrency it was given', async () => {
    const w = await at.running({ budget: { concurrency: 3 } });
    w.target.latencyMs = 10;
    const events = await Promise.all(Array.from({ length: 30 }, (_, n) => w.send({ key: `k${n}` })));
    for (const event of events) await becomes(w, event, 'DELIVERED');
    expect(w.target.mostOpen).toBe(3);
  });

  it('keeps to the requests per minute it was given', async () => {
    const w = await at.running({ budget: { concurrency: 8, requestsPerMinute: 600 } });
    const events = await Promise.all(Array.from({ length: 25 }, (_, n) => w.send({ key: `k${n}` })));
    const start = performance.now();
    for (const event of events) await becomes(w, event, 'DELIVERED');
    // ten at once, then one each 100 ms
    expect(performance.now() - start).toBeGreaterThan(1_200);
  });

  it('goes on with other records while one hangs', async () => {
    const w = await at.running({ budget: { concurrency: 4 }, timeoutMs: 10_000 });
    w.target.fault({ do: 'hang' }, (request) => request.key === 't:e:hung');
    const hung = await w.send({ key: 'hung' });
    await until('it hangs', () => w.target.open === 1);
    const events = await Promise.all(Array.from({ length: 40 }, (_, n) => w.send({ key: `k${n}` })));
    for (const event of events) await becomes(w, event, 'DELIVERED');
    expect(await w.status(hung)).toBe('IN_FLIGHT');
  });

  it('begins the request of an event within some milliseconds when idle', async () => {
    const w = await at.running();
    await becomes(w, await w.send({ key: 'warm' }), 'DELIVERED');
    const times: number[] = [];
    for (let n = 0; n < 10; n++) {
      const start = performance.now();
      await w.send({ key: `k${n}` });
      await until('it arrives', () => w.target.applied.length === n + 2);
      times.push(w.target.applied.at(-1)!.at - start);
    }
    times.sort((a, b) => a - b);
    expect(times[5]).toBeLessThan(250);
  });
});
