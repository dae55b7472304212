import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { beat, claimLeadership, countUnpublished, DOORBELL, extendOutbox, pruneOutbox, settle } from '#outbox';
import { clonedDatabase, eventually, type ClonedDatabase } from '#testing';
import { Relay, type RelayOptions } from './relay.ts';
import { append, appendAndHold, appendIn } from './testing/append.ts';
import { CollectingLog } from './testing/collecting-log.ts';

describe('the relay', () => {
  let clone: ClonedDatabase;
  let log: CollectingLog;
  let running: Relay[];
  let surprises: string[];
  beforeEach(async () => {
    clone = await clonedDatabase();
    log = new CollectingLog();
    running = [];
    surprises = [];
  });
  afterEach(async () => {
    await Promise.all(running.map((relay) => relay.stop()));
    await clone.close();
  });

  const start = async (options: Partial<RelayOptions> = {}): Promise<Relay> => {
    const relay = new Relay({
      database: clone.database,
      log,
      surprised: (message) => surprises.push(message),
      ...options,
    });
    running.push(relay);
    await relay.start();
    return relay;
  };
  const leads = (relay: Relay): Promise<unknown> => eventually(() => relay.state.leads, 'the relay leads');
  const versionsOf = (record: string): string[] =>
    log.records
      .filter((entry) => entry.key === `t:order:${record}`)
      .map((entry) => entry.headers['ce_aggregateversion']!);

  it('moves an appended row to the log, with its version and the time it was accepted', async () => {
    await start();
    await append(clone.database, '1');
    await log.until(1);
    expect(log.records[0]).toEqual({
      topic: 'crm.order.v1',
      key: 't:order:1',
      value: Buffer.from('1'),
      headers: { ce_aggregateversion: '1', ce_acceptedat: expect.stringMatching(/^\d{4}-.*Z$/) },
    });
  });

  it('publishes past a transaction that is still open, and its row when it commits', async () => {
    const relay = await start();
    const open = await appendAndHold(clone.database, 'slow');
    await append(clone.database, 'fast');
    await log.until(1);
    expect(versionsOf('fast')).toEqual(['1']);
    await eventually(() => relay.state.cursor.gaps[0]?.from === open.id, 'the gap is kept');
    await open.end('commit');
    await log.until(2);
    expect(versionsOf('slow')).toEqual(['1']);
  });

  it('publishes all that is appended while partitions are pruned under it, also what waits for a log that is away', async () => {
    await start();
    const pruned: string[] = [];
    let pruning = true;
    const pruner = (async () => {
      while (pruning) pruned.push(...(await unlessLocked(() => pruneOutbox(clone.database, 0))));
    })();
    // across three borders; delivery has had all of it, so that the cursor alone keeps what is not published
    for (const border of [5_000_000n, 10_000_000n, 15_000_000n]) {
      await clone.database.query("select setval('outbox_id', $1)", [border - 10n]);
      await eventually(
        () => unlessLocked(async () => [await extendOutbox(clone.database)]).then((made) => made.length > 0),
        'the next one',
      );
      log.away = true;
      for (let n = 0; n < 20; n++)
        await clone.database.transaction(async (tx) => {
          const { id } = await appendIn(tx, String(n % 4));
          await tx.query(
            "insert into unrouted (event_id, source, entity, key) select event_id, 's', 'order', 'k' from outbox where id = $1",
            [id],
          );
        });
      log.away = false;
    }
    await eventually(() => pruned.length === 3, 'what is published is dropped');
    await log.until(60);
    pruning = false;
    await pruner;
    for (const record of ['0', '1', '2', '3'])
      expect(versionsOf(record)).toEqual(Array.from({ length: 15 }, (_, n) => String(n + 1)));
  }, 60_000);

  it('drops the gap of a rolled-back transaction, but not before every older transaction has ended', async () => {
    const relay = await start();
    const older = await appendAndHold(clone.database, 'older');
    const undone = await appendAndHold(clone.database, 'undone');
    await append(clone.database, 'above');
    await log.until(1);
    await undone.end('rollback');
    await append(clone.database, 'later');
    await log.until(2);
    expect(relay.state.rolledBack).toBe(0n);
    await older.end('commit');
    await log.until(3);
    await eventually(() => relay.state.rolledBack === 1n, 'the gap is dropped');
    expect(relay.state.cursor.gaps).toEqual([]);
    expect(await countUnpublished(clone.database, 0)).toMatchObject({ unpublished: 0, gaps: 0 });
  });

  it('keeps trying the same batch while the log is away, and says so once', async () => {
    log.away = true;
    await start();
    for (let n = 0; n < 5; n++) await append(clone.database, 'a');
    await eventually(() => surprises.length > 0, 'the outage is told');
    log.away = false;
    await log.until(5);
    expect(versionsOf('a')).toEqual(['1', '2', '3', '4', '5']);
    await eventually(() => surprises.length === 2, 'the end of the outage is told');
  });

  it('goes on by itself after its session was cut off', async () => {
    const relay = await start();
    await append(clone.database, 'a');
    await eventually(() => relay.state.published === 1, 'the row is published and settled');
    const { epoch } = relay.state;
    await clone.database.query(
      `select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory' and database =
         (select oid from pg_database where datname = current_database())`,
    );
    await eventually(() => relay.state.epoch > epoch && relay.state.leads, 'it leads again');
    await append(clone.database, 'a');
    await log.until(2);
    expect(versionsOf('a')).toEqual(['1', '2']);
  });

  it('gives up a session that does not answer, and goes on with a new one', async () => {
    const relay = await start({ patienceMs: 300, standBy: { everyMs: 20, frozenMs: 10_000 } });
    await leads(relay);
    const { epoch } = relay.state;
    const blocker = await clone.database.session();
    await blocker.query('begin');
    await blocker.query('lock table relay_cursor in access exclusive mode');
    await eventually(() => !relay.state.leads, 'the session is given up');
    await blocker.query('rollback');
    await blocker.close();
    await append(clone.database, 'a');
    await log.until(1);
    expect(relay.state.epoch).toBeGreaterThan(epoch);
  });

  it('is stopped with a batch that the log does not take, and the next one sends it', async () => {
    log.away = true;
    const first = await start();
    await append(clone.database, 'a');
    await eventually(() => surprises.length > 0, 'the outage is told');
    await first.stop();
    log.away = false;
    await start();
    await log.until(1);
    expect(versionsOf('a')).toEqual(['1']);
  });

  it('lets one relay lead; a stand-by takes over when it stops, without losing or repeating a row', async () => {
    const first = await start({ standBy: { everyMs: 20, frozenMs: 10_000 } });
    await leads(first);
    const second = await start({ standBy: { everyMs: 20, frozenMs: 10_000 } });
    for (let n = 0; n < 50; n++) await append(clone.database, String(n % 5));
    expect(second.state.leads).toBe(false);
    await first.stop();
    for (let n = 0; n < 50; n++) await append(clone.database, String(n % 5));
    await log.until(100);
    expect(second.state.leads).toBe(true);
    for (let n = 0; n < 5; n++)
      expect(versionsOf(String(n))).toEqual(Array.from({ length: 20 }, (_, at) => `${at + 1}`));
  });

  it('unseats a leader that gives no sign of life, and what that one still writes changes nothing', async () => {
    const frozen = await clone.database.session();
    const leadership = (await claimLeadership(frozen, 0))!;
    const relay = await start({ standBy: { everyMs: 20, frozenMs: 300 } });
    await append(clone.database, 'a');
    await log.until(1);
    expect(relay.state.leads).toBe(true);
    const late = { shard: 0, epoch: leadership.epoch, asleep: false, published: 1, aside: [] };
    expect(await settle(clone.database, { ...late, cursor: { high: 99n, gaps: [] } })).toBeUndefined();
    expect(await beat(clone.database, 0, leadership.epoch, true)).toBe(false);
    await append(clone.database, 'a');
    await log.until(2);
  });

  it('steps down when its epoch is taken, and leads again under a new one', async () => {
    const relay = await start();
    await leads(relay);
    const { epoch } = relay.state;
    await clone.database.query('update relay_cursor set epoch = epoch + 1');
    await append(clone.database, 'a');
    await eventually(() => relay.state.leads && relay.state.epoch > epoch + 1n, 'a new epoch');
    await log.until(1);
    expect(surprises).toContain('another relay leads now; standing by');
  });

  it('sets a refused row and what follows it of its key aside, and publishes both in order when released', async () => {
    log.largest = 100;
    const relay = await start();
    await append(clone.database, 'a');
    const big = await append(clone.database, 'a', Buffer.alloc(200));
    await append(clone.database, 'b');
    await append(clone.database, 'a');
    await log.until(2);
    await eventually(() => relay.state.setAside === 2, 'two rows stand aside');
    expect(versionsOf('a')).toEqual(['1']);
    await append(clone.database, 'a');
    await eventually(() => relay.state.setAside === 3, 'what comes later stands behind them');
    expect(await countUnpublished(clone.database, 0)).toMatchObject({ unpublished: 3, setAside: 3 });

    expect(await order({ key: 't:order:a' })).toMatchObject({
      status: 'refused',
      result: { published: 0, reason: 'record is too large' },
    });
    log.largest = 1000;
    expect(await order({ key: 't:order:a' })).toMatchObject({ status: 'done', result: { published: 3 } });
    await append(clone.database, 'a');
    await log.until(6);
    expect(versionsOf('a')).toEqual(['1', '2', '3', '4', '5']);
    const [aside] = await clone.database.query<{ published: boolean }>(
      'select published_at is not null as published from relay_set_aside where id = $1',
      [big.id],
    );
    expect(aside).toEqual({ published: true });
  });

  it('remembers stopped keys over a restart', async () => {
    log.largest = 100;
    const first = await start();
    await append(clone.database, 'a', Buffer.alloc(200));
    await eventually(() => first.state.setAside === 1, 'the row stands aside');
    await first.stop();
    const second = await start();
    await append(clone.database, 'a');
    await eventually(() => second.state.setAside === 1, 'the next one too');
    expect(log.records).toEqual([]);
  });

  it('refuses to start when sessions would cache sequence values', async () => {
    await clone.database.query('alter sequence outbox_id cache 20');
    const relay = new Relay({ database: clone.database, log, surprised: () => {} });
    await expect(relay.start()).rejects.toMatchObject({ code: 'CROSSDOCK_OUTBOX_SEQUENCE_CACHE' });
    await relay.stop();
  });

  it('is rung only while it sleeps', async () => {
    const rings: (string | undefined)[] = [];
    const deaf = await clone.database.listen(DOORBELL, (payload) => rings.push(payload));
    await eventually(() => rings.length > 0, 'the connection');
    rings.length = 0;
    await clone.database.query('update relay_cursor set asleep = false');
    await append(clone.database, 'a');
    await clone.database.query(`select pg_notify('${DOORBELL}', 'mark')`);
    await eventually(() => rings.includes('mark'), 'the mark');
    expect(rings).toEqual(['mark']);
    await clone.database.query('update relay_cursor set asleep = true');
    await append(clone.database, 'a');
    await eventually(() => rings.includes(''), 'the bell');
    await deaf();
  });

  it('lies down when nothing comes, wakes at the bell and does not ask for it while it works', async () => {
    const asleep = async (): Promise<boolean> =>
      (await clone.database.query<{ asleep: boolean }>('select asleep from relay_cursor'))[0]!.asleep;
    const relay = await start();
    await eventually(asleep, 'it sleeps');
    await append(clone.database, 'a');
    await log.until(1);
    await eventually(async () => !(await asleep()), 'it is awake');
    await eventually(asleep, 'it sleeps again');
    await relay.stop();
    expect(await asleep()).toBe(false);
  });

  it('decides ten thousand gaps before it reads on, so that their list stays bounded', async () => {
    await clone.database.query("select setval('outbox_id', 40000)");
    await clone.database.query(`
      update relay_cursor set high = 40000, gaps = (
        select jsonb_agg(jsonb_build_object('from', (n * 3)::text, 'to', (n * 3)::text, 'xid', null, 'proven', false))
        from generate_series(1, 10500) as n)`);
    await append(clone.database, 'a');
    const relay = await start();
    await log.until(1);
    expect(relay.state.rolledBack).toBe(10_500n);
    expect(versionsOf('a')).toEqual(['1']);
  });

  it('never holds more than its bound of payload bytes, and still moves a row above it', async () => {
    for (let n = 0; n < 6; n++) await append(clone.database, 'a', Buffer.alloc(1000));
    await start({ batch: { rows: 100, bytes: 500 } });
    await log.until(6);
    expect(versionsOf('a')).toEqual(['1', '2', '3', '4', '5', '6']);
  });

  /** What a person orders, and the relay's answer. */
  async function order(target: object): Promise<{ status: string; result: unknown } | undefined> {
    const [{ id }] = (await clone.database.query<{ id: string }>(
      "insert into command (stage, kind, target, actor, reason) values ('relay', 'release', $1, 'test', 'test') returning id",
      [JSON.stringify(target)],
    )) as [{ id: string }];
    return eventually(async () => {
      const [row] = await clone.database.query<{ status: string; result: unknown }>(
        "select status, result from command where id = $1 and status <> 'waiting'",
        [id],
      );
      return row;
    }, 'the command is executed');
  }
});

/** What waits for a lock gives way, and is done in the next round. */
const unlessLocked = <T>(work: () => Promise<T[]>): Promise<T[]> =>
  work().catch((error: unknown) => {
    if ((error as { code?: string }).code !== '55P03') throw error;
    return [];
  });
