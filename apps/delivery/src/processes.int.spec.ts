import { describe, expect, it } from '@jest/globals';
import { attemptsOf, fixture } from '../test/fixture.ts';
import { becomes, until } from '../test/harness.ts';
import { MOST_UNRECORDED } from './engine/recorder.ts';
import { LOCK_INSTANCE } from './sql/instance.ts';

/** A gate that a test opens. */
function gate(): { until: Promise<void>; open(): void } {
  let open = (): void => {};
  const wait = new Promise<void>((resolve) => (open = resolve));
  return { until: wait, open };
}

describe('several processes', () => {
  const at = fixture();

  it('share the concurrency and the lanes of a connection, without doubles and in order', async () => {
    const w = await at.world({ budget: { concurrency: 6 } });
    w.target.latencyMs = 5;
    await at.run(w);
    await at.run(w);
    for (let version = 1; version <= 8; version++)
      await Promise.all(
        Array.from({ length: 15 }, (_, key) =>
          w.send({ document: 'payment', key: `k${key}`, version, body: { version } }),
        ),
      );
    await until(
      'all are delivered',
      async () => {
        const [row] = await w.database.query<{ n: bigint }>(
          `select count(*) as n from delivery where connection = $1 and status = 'DELIVERED'`,
          [w.connection.name],
        );
        return row!.n === 120n;
      },
      20_000,
    );
    expect(w.target.applied).toHaveLength(120);
    expect(w.target.mostOpen).toBeLessThanOrEqual(6);
    const last = new Map<string, number>();
    for (const { key, body } of w.target.applied) {
      const { version } = JSON.parse(body!) as { version: number };
      expect(version).toBe((last.get(key) ?? 0) + 1);
      last.set(key, version);
    }
  });

  it('ask for their share as long as others have all the slots, also those that were idle before', async () => {
    const w = await at.world({ budget: { concurrency: 2 } });
    await at.run(w);
    const { database } = w;
    const { name } = w.connection;
    await database.query(
      `update connection_slot set holder = 'other', until = clock_timestamp() + interval '1 h' where connection = $1`,
      [name],
    );
    await new Promise((resolve) => setTimeout(resolve, 2_500)); // longer than one keeps its slots without work
    const event = await w.send({});
    const asks = async (): Promise<boolean> =>
      (await database.query('select 1 from connection_member where connection = $1', [name])).length === 1;
    await until('it asks', asks);
    for (let n = 0; n < 40; n++) {
      expect(await asks()).toBe(true); // who shares looks once a second
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
    await database.query('update connection_slot set holder = null where connection = $1 and n = 1', [name]);
    await becomes(w, event, 'DELIVERED');
  });

  it('send no further ahead of a database that records slower than the target answers', async () => {
    const w = await at.world({ budget: { concurrency: 4 } });
    const { database } = w;
    const holds = async (): Promise<number> => {
      const open = 'select count(*)::int as n from lane where connection = $1 and holder is not null';
      return (await database.query<{ n: number }>(open, [w.connection.name]))[0]!.n;
    };
    const events = await Promise.all(Array.from({ length: 600 }, (_, key) => w.send({ key: `k${key}` })));
    let open = (): void => {};
    const locked = new Promise<void>((resolve) => {
      void database.transaction(async (tx) => {
        await tx.query('lock table xref in share mode'); // outcomes are not recorded; claims and attempts are
        resolve();
        await new Promise<void>((end) => (open = end));
      });
    });
    await locked;
    await at.run(w);
    try {
      await until('it holds as much as it may', async () => (await holds()) >= MOST_UNRECORDED);
      await new Promise((resolve) => setTimeout(resolve, 1_000)); // it would go on: nothing but the bound stops it
      expect(await holds()).toBeLessThanOrEqual(MOST_UNRECORDED + 4 + 8);
      expect(w.target.applied.length).toBeLessThanOrEqual(MOST_UNRECORDED + 4 + 8);
    } finally {
      open();
    }
    for (const event of events) await becomes(w, event, 'DELIVERED');
    expect(w.target.applied).toHaveLength(600);
  });

  it('keep the leases of all other lanes while somebody has one of them locked', async () => {
    const w = await at.world({ timeoutMs: 20_000 });
    const { database } = w;
    const answered = gate();
    w.target.fault({ do: 'wait', until: answered.until }, () => true, 2);
    const [locked, other] = [await w.send({ key: 'locked' }), await w.send({ key: 'other' })];
    const engine = await at.run(w);
    await until('both are sent', () => w.target.requests.length === 2);
    const lanes = 'select 1 from lane where connection = $1 and holder = $2 and until > clock_timestamp()';
    const held = async (): Promise<number> =>
      (await database.query(lanes, [w.connection.name, engine.store.holder])).length;
    await database.transaction(async (tx) => {
      await tx.query(`select 1 from lane where connection = $1 and key like '%locked' for update`, [w.connection.name]);
      await new Promise((resolve) => setTimeout(resolve, 2 * engine.store.leaseMs));
      expect(await held()).toBe(1);
    });
    answered.open();
    await becomes(w, other, 'DELIVERED');
    await becomes(w, locked, 'DELIVERED');
    expect(w.target.applied.filter(({ key }) => key.endsWith('other'))).toHaveLength(1);
  });

  it('send once what one of them claimed twice because its own lease was over before it had begun', async () => {
    const w = await at.world({ budget: { concurrency: 8 } });
    const { database } = w;
    const engine = await at.run(w);
    const token = async (key: string): Promise<unknown> =>
      (
        await database.query('select token from lane where connection = $1 and key = $2', [w.connection.name, key])
      )[0]?.['token'];
    let twice = '';
    await database.transaction(async (tx) => {
      await tx.query('lock table attempt in share mode'); // no attempt is written: what is claimed meanwhile waits in hand
      await w.send({ key: 'before' });
      await until('the attempt of the one before waits', async () => (await token('t:e:before')) === 1n);
      await new Promise((resolve) => setTimeout(resolve, 200));
      twice = await w.send({ key: 'twice' });
      await until('it is claimed', async () => (await token('t:e:twice')) === 1n);
      await new Promise((resolve) => setTimeout(resolve, 200));
      await database.query(
        `update lane set until = clock_timestamp(), due_at = clock_timestamp() where connection = $1 and key = 't:e:twice'`,
        [w.connection.name],
      );
      engine.wake();
      await until('it is claimed anew', async () => (await token('t:e:twice')) === 2n);
      await new Promise((resolve) => setTimeout(resolve, 200));
    });
    await becomes(w, twice, 'DELIVERED');
    expect(w.target.requests.filter(({ key }) => key === 't:e:twice')).toHaveLength(1);
    expect(await attemptsOf(w, twice)).toMatchObject([{ outcome: 'done' }]);
  });

  it('resolve what a dead process left open, from the moment its request can have been given up', async () => {
    const w = await at.world();
    const event = await w.send({ document: 'salesOrder' });
    // a process that wrote its attempt, sent, and died before the answer
    const [lane] = await w.database.query<{ id: bigint }>(
      `update lane set token = token + 1, holder = 'dead', until = clock_timestamp() + interval '300 ms',
         due_at = clock_timestamp() + interval '300 ms' where connection = $1 returning id`,
      [w.connection.name],
    );
    await w.database.query(
      `with d as (update delivery set status = 'IN_FLIGHT', attempt_n = 1, attempts = 1 where lane_id = $1 returning id, document_id)
       insert into attempt (delivery_id, n, revision, operation, request_key, body, request_hash, content_hash, token, holder, gave_up_at)
       select id, 1, 1, 'create', document_id, '{"a":1}', '\\x00', '\\x00', 1, 'dead', clock_timestamp() + interval '450 ms' from d`,
      [lane!.id],
    );
    await w.database.query('update lane set doubt = (select id from delivery where lane_id = $1) where id = $1', [
      lane!.id,
    ]);
    w.target.fault({ do: 'apply-late', afterMs: 0 }, () => false);
    await at.run(w);
    await becomes(w, event, 'DELIVERED');
    const [first, second] = await attemptsOf(w, event);
    expect(first).toMatchObject({ outcome: 'in-doubt', doubt: 'absent' });
    expect((second!['started_at'] as Date).getTime()).toBeGreaterThanOrEqual(
      (first!['gave_up_at'] as Date).getTime() + 150,
    );
    expect(second!['body']).toBe('{"a":1}');
    expect(w.target.records('salesOrder', 't:e:r1')).toHaveLength(1);
  });

  it('take over at once what a killed one held, and leave to the lease what a frozen one holds', async () => {
    const w = await at.world();
    const events = new Map<string, string>();
    for (const holder of ['killed', 'frozen']) {
      const event = await w.send({ document: 'payment', key: holder });
      events.set(holder, event);
      await w.database.query(
        `with l as (
           update lane set token = 1, holder = $2, until = clock_timestamp() + interval '1 minute', due_at = clock_timestamp() + interval '1 minute',
                  doubt = d.id
             from delivery d where d.lane_id = lane.id and d.event_id = $1 returning d.id, d.document_id
         ), d as (update delivery set status = 'IN_FLIGHT', attempt_n = 1, attempts = 1 where event_id = $1)
         insert into attempt (delivery_id, n, revision, operation, request_key, body, request_hash, content_hash, token, holder, gave_up_at)
         select id, 1, 1, 'create', document_id, '{"a":1}', '\\x00', '\\x00', 1, $2, clock_timestamp() + interval '450 ms' from l`,
        [event, `${w.connection.name} ${holder}`],
      );
      await w.database.query('insert into delivery_process (holder, locked_at) values ($1, clock_timestamp())', [
        `${w.connection.name} ${holder}`,
      ]);
    }
    // SIGSTOP leaves a process its session, and with it its lock
    const session = await w.database.session();
    await session.query(LOCK_INSTANCE, [`${w.connection.name} frozen`]);
    try {
      await at.run(w);
      const from = performance.now();
      await becomes(w, events.get('killed')!, 'DELIVERED');
      expect(performance.now() - from).toBeLessThan(30_000); // of a lease of a minute
      const [first, second] = await attemptsOf(w, events.get('killed')!);
      expect(first).toMatchObject({ outcome: 'in-doubt', doubt: 'absent' });
      expect((second!['started_at'] as Date).getTime()).toBeGreaterThanOrEqual(
        (first!['gave_up_at'] as Date).getTime() + 150,
      );
      expect(await w.status(events.get('frozen')!)).toBe('IN_FLIGHT');
      expect(w.target.requests.map(({ key }) => key)).toEqual(['t:e:killed']);
    } finally {
      await session.close();
    }
    await becomes(w, events.get('frozen')!, 'DELIVERED');
  });

  it('change nothing under a lease that is over, and keep the late answer as evidence', async () => {
    const w = await at.world({ timeoutMs: 5_000 });
    const hold = gate();
    w.target.fault({ do: 'wait', until: hold.until });
    await at.run(w, { holder: 'first' });
    const event = await w.send({ document: 'salesOrder' });
    await until('the request is out', () => w.target.open === 1);
    // the first process is stopped past its lease: somebody else takes the lane
    const [lane] = await w.database.query<{ id: bigint }>(
      `update lane set token = token + 1, holder = 'other', until = clock_timestamp() + interval '1 hour',
         due_at = clock_timestamp() + interval '1 hour' where connection = $1 returning id`,
      [w.connection.name],
    );
    hold.open();
    await until('the answer is kept', async () => (await attemptsOf(w, event))[0]!['late_outcome'] === 'done');
    expect(await w.status(event)).toBe('IN_FLIGHT');
    expect((await attemptsOf(w, event))[0]).toMatchObject({ outcome: null, late_target_id: 'T1' });
    expect(await w.metrics.text()).toMatch(/stale_writes_total [1-9]/);
    // the other one dies: whoever comes next learns what happened from the evidence
    await w.database.query(`update lane set holder = null, due_at = clock_timestamp() where id = $1`, [lane!.id]);
    expect(await becomes(w, event, 'DELIVERED')).toMatchObject({ target_id: 'T1' });
    expect(w.target.requests).toHaveLength(1);
  });

  it('does not send when a third of the lease is over before the connection is there', async () => {
    const w = await at.world();
    const slow = w.target.write.bind(w.target);
    let calls = 0;
    w.target.write = async (request) => {
      if (++calls === 1) await until('the caller gives up', () => request.signal.aborted);
      return slow(request);
    };
    await at.run(w);
    const event = await w.send({});
    expect(await becomes(w, event, 'DELIVERED')).toMatchObject({ attempts: 1 });
    expect((await attemptsOf(w, event)).map((row) => row['outcome'])).toEqual(['not-sent', 'done']);
    expect(w.target.requests).toHaveLength(1);
  });

  it('finishes the requests in hand when it is stopped, and gives back the rest', async () => {
    const w = await at.world({ budget: { concurrency: 2 } });
    w.target.latencyMs = 60;
    const engine = await at.run(w);
    const events = await Promise.all(Array.from({ length: 12 }, (_, n) => w.send({ key: `k${n}` })));
    await until('some are out', () => w.target.open === 2);
    await engine.stop(2_000);
    const statuses = await Promise.all(events.map((event) => w.status(event)));
    expect(statuses.filter((status) => status === 'IN_FLIGHT' || status === 'UNKNOWN')).toEqual([]);
    expect(statuses.filter((status) => status === 'DELIVERED').length).toBe(w.target.applied.length);
    await at.run(w);
    for (const event of events) await becomes(w, event, 'DELIVERED');
    expect(w.target.applied).toHaveLength(12);
  });
});
