import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { clonedDatabase, TcpProxy, type ClonedDatabase } from '#testing';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { DELIVERY_STATUSES, TRANSITIONS } from '#contracts';
import { Database } from './database.ts';

const LISTENING = `select 1 from pg_stat_activity where application_name = 'crossdock listening' and query like 'listen%'`;

/** A way to PostgreSQL that can be closed; counts who comes, and how many come within 200 ms while it is closed. */
async function wayTo(databaseUrl: string) {
  const target = new URL(databaseUrl);
  const sockets = new Set<Socket>();
  const refused: number[] = [];
  let count = 0;
  let closed = false;
  const server = createServer((client) => {
    count++;
    sockets.add(client);
    client.on('error', () => {});
    if (closed) {
      refused.push(performance.now());
      return void client.destroy();
    }
    const far = connect(Number(target.port), target.hostname);
    client.pipe(far).pipe(client);
    far.on('error', () => {}).on('close', () => client.destroy());
    client.on('close', () => far.destroy());
  });
  await new Promise<void>((resolve) => server.listen(21_000 + Math.floor(Math.random() * 9_000), '127.0.0.1', resolve));
  const url = new URL(databaseUrl);
  url.port = String((server.address() as AddressInfo).port);
  return {
    url: url.href,
    connections: () => count,
    most: () => Math.max(...refused.map((from) => refused.filter((at) => at >= from && at < from + 200).length)),
    close: () => {
      closed = true;
      for (const socket of sockets) socket.destroy();
    },
    open: () => void (closed = false),
    end: () => new Promise((resolve) => server.close(resolve)),
  };
}

const READY = Buffer.from('Z\0\0\0\x05I', 'latin1');
const ENDED = Buffer.from('SFATAL\0C57P01\0Mterminating connection due to administrator command\0\0', 'latin1');

/** A way to PostgreSQL on which the connection of this number is ended with what says that it is ready. */
async function endingAtOnce(databaseUrl: string, number: number) {
  const target = new URL(databaseUrl);
  const port = Number(target.port);
  let count = 0;
  const server = createServer((client) => {
    const ends = ++count === number;
    const far = connect(port, target.hostname);
    client.pipe(far);
    far.on('data', (bytes) => {
      if (!ends || !bytes.includes(READY)) return void client.write(bytes);
      const head = Buffer.from('E\0\0\0\0', 'latin1');
      head.writeInt32BE(ENDED.length + 4, 1);
      client.end(Buffer.concat([bytes, head, ENDED]));
    });
    far.on('error', () => {}).on('close', () => client.destroy());
    client.on('error', () => {}).on('close', () => far.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  target.port = String((server.address() as AddressInfo).port);
  return { url: target.href, end: () => new Promise((resolve) => server.close(resolve)) };
}

describe('the database', () => {
  let clone: ClonedDatabase;
  beforeAll(async () => {
    clone = await clonedDatabase();
  });
  afterAll(() => clone.close());

  it('gives bigint columns as BigInt, so that no digit is rounded', async () => {
    const [row] = await clone.database.query<{ n: bigint; list: bigint[] }>(
      'select 9007199254740993::bigint as n, array[9007199254740993::bigint] as list',
    );
    expect(row).toEqual({ n: 9007199254740993n, list: [9007199254740993n] });
  });

  it('rolls back when the work throws', async () => {
    await expect(
      clone.database.transaction(async (tx) => {
        await tx.query("insert into flow_state (flow) values ('half')");
        throw new Error('stop');
      }),
    ).rejects.toThrow('stop');
    expect(await clone.database.query("select 1 from flow_state where flow = 'half'")).toEqual([]);
  });

  it('sends a queued statement with the next one, and the last of them with COMMIT', async () => {
    await clone.database.query('create table queued (n int primary key)');
    const seen = await clone.database.transaction(async (tx) => {
      tx.queue('insert into queued values (1)');
      const rows = await tx.query('select n from queued');
      tx.queue('insert into queued values (2)');
      return rows;
    });
    expect(seen).toEqual([{ n: 1 }]);
    expect(await clone.database.query('select n from queued order by n')).toEqual([{ n: 1 }, { n: 2 }]);
  });

  it('fails a transaction with the error of its queued statement, whether others follow or COMMIT, and keeps nothing', async () => {
    await clone.database.query('create table doubled (n int primary key)');
    const failing = (goesOn: boolean) =>
      clone.database.transaction(async (tx) => {
        await tx.query('insert into doubled values (1)');
        tx.queue('insert into doubled values (1)');
        if (goesOn) await tx.query('select n from doubled');
      });
    for (const goesOn of [true, false]) await expect(failing(goesOn)).rejects.toMatchObject({ code: '23505' });
    expect(await clone.database.query('select n from doubled')).toEqual([]);
  });

  it('says that the answer to COMMIT was lost when the connection breaks behind a queued statement', async () => {
    await clone.database.query('create table lost_answer (n int primary key)');
    const ended = clone.database.transaction(async (tx) => {
      tx.queue('insert into lost_answer values (1)');
      tx.queue('select pg_terminate_backend(pg_backend_pid())');
    });
    await expect(ended).rejects.toMatchObject({ code: 'CROSSDOCK_DB_COMMIT_UNKNOWN', retryable: true });
    expect(await clone.database.query('select n from lost_answer')).toEqual([]);
    expect(await clone.database.transaction((tx) => tx.query('select 1 as n'))).toEqual([{ n: 1 }]);
  });

  it('hears what another session notifies', async () => {
    const heard: (string | undefined)[] = [];
    const stop = await clone.database.listen('bell', (payload) => heard.push(payload));
    await clone.database.query("select pg_notify('bell', 'ding')");
    while (!heard.includes('ding')) await new Promise((resolve) => setTimeout(resolve, 5));
    await stop();
  });

  it('keeps one listening connection however long the database is away, and hears again when it is back', async () => {
    const way = await wayTo(clone.url);
    const database = await Database.open({ url: way.url, name: 'listening', max: 1 });
    let heard = 0;
    const stop = await database.listen('bell', () => heard++);
    const before = way.connections();

    way.close();
    while (way.connections() < before + 4) await new Promise((resolve) => setTimeout(resolve, 10));
    expect(way.most()).toBe(1);
    const { length } = await clone.database.query(LISTENING);
    expect(length).toBe(0);

    way.open();
    while (heard < 2) await new Promise((resolve) => setTimeout(resolve, 10));
    expect(await clone.database.query(LISTENING)).toHaveLength(1);
    await stop();
    await database.close();
    await way.end();
  });

  it('closes its listening connections and sessions in time when the server hangs', async () => {
    const { proxy, url } = await TcpProxy.before(clone.url);
    const database = await Database.open({ url, name: 'hung', max: 1 });
    const stop = await database.listen('hung', () => {});
    const session = await database.session();
    proxy.toServer = { swallow: true };
    const began = performance.now();
    await Promise.all([stop(), session.close()]);
    expect(performance.now() - began).toBeLessThan(10_000);
    proxy.reset();
    await proxy.close();
    await database.close();
  });

  it('ends what takes longer than its pool allows, unless the statement has a time of its own', async () => {
    const database = await Database.open({ url: clone.url, name: 'hasty', queryTimeoutMs: 200 });
    const slow = { text: 'select pg_sleep(0.5), $1::integer as n', timeoutMs: 20_000 };
    await expect(database.query(slow.text, [1])).rejects.toMatchObject({ code: 'CROSSDOCK_DB_UNAVAILABLE' });
    expect(await database.query(slow, [2])).toMatchObject([{ n: 2 }]);
    expect(await database.transaction((tx) => tx.query(slow, [3]))).toMatchObject([{ n: 3 }]);
    await database.close();
  });

  it('survives a connection that the server ends in the packet in which it opens it, and takes another', async () => {
    const way = await endingAtOnce(clone.url, 2);
    const database = await Database.open({ url: way.url, name: 'ended at once' });
    const work = (): Promise<unknown> => database.transaction((tx) => tx.query('select 1'));
    const two = (): Promise<PromiseSettledResult<unknown>[]> => Promise.allSettled([work(), work()]);
    const first = await two();
    expect(first.filter(({ status }) => status === 'rejected')).toHaveLength(1);
    expect(first.find(({ status }) => status === 'rejected')).toMatchObject({ reason: { retryable: true } });
    expect((await two()).map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled']);
    await database.close();
    await way.end();
  });

  it('allows every status transition that is in the table, and refuses every other', async () => {
    const way = (from: string, to: string): string => `${from} -> ${to}`;
    const expected = DELIVERY_STATUSES.flatMap((from) => [from, ...TRANSITIONS[from]].map((to) => way(from, to)));
    const allowed = await clone.database.transaction(async (tx) => {
      await tx.query(`
        create function pg_temp.allows(tried bigint, wanted text) returns boolean language plpgsql as $$
        begin
          update delivery set status = wanted where id = tried;
          return true;
        exception when sqlstate 'CD001' then
          return false;
        end $$`);
      // a delivery for each pair
      await tx.query(
        `insert into delivery (lane_id, document_id, event_id, event_type, source, flow, connection, document, key, tenant, entity,
           record_id, aggregate_version, kind, status, error, bundle, fan_out, topic, "partition", "offset", event_topic,
           event_partition, event_offset, event_logged_at, accepted_at)
         select 1, gen_random_uuid(), gen_random_uuid(), 't', 's', 'f', 'c', 'd', 'k', 't', 'e', 'r', 1, 'document', a, b,
           'b', 1, 't', 0, 0, 't', 0, 0, now(), now() from unnest($1::text[]) a, unnest($1::text[]) b`,
        [DELIVERY_STATUSES],
      );
      return tx.query<{ from: string; to: string }>(
        'select status as "from", error as "to" from delivery where pg_temp.allows(id, error)',
      );
    });
    expect(allowed.map(({ from, to }) => way(from, to)).toSorted()).toEqual(expected.toSorted());
  });
});
