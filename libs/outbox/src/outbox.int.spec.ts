import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Decimal, eventId, recordKey, type Connection } from '#contracts';
import type { EntityManager } from '#db';
import { packageRoot } from '#platform';
import { loadSchemas, unframe } from '#schema';
import { clonedDatabase, type ClonedDatabase } from '#testing';
import { appendRows } from './append-rows.ts';
import { drawVersion } from './draw-version.ts';
import { lockRecord } from './lock-record.ts';
import type { OutboxEvent } from './outbox-event.ts';
import { openOutbox } from './outbox.module.ts';
import type { Outbox } from './outbox.ts';

const connection = { name: 'shop', connector: 'outbox', side: 'source', zone: 'Europe/Berlin', idPrefix: 'sh-' };
const webhook = { ...connection, name: 'hook', connector: 'webhook' };
const roots = [`${packageRoot()}/schemas`];

const customer = (id: string, more: Partial<OutboxEvent> = {}): OutboxEvent => ({
  connection: 'shop',
  type: 'crm.customer.updated',
  recordId: id,
  data: { id, kind: 'COMPANY', name: 'Gable Mill Timber', status: 'ACTIVE', version: 7n },
  ...more,
});

describe('the outbox library', () => {
  let clone: ClonedDatabase;
  let outbox: Outbox;
  beforeAll(async () => {
    clone = await clonedDatabase();
    outbox = openOutbox({
      tenant: 'acme',
      connections: new Map([connection, webhook].map((one) => [one.name, one as Connection])),
      schemaRoots: roots,
    });
  });
  afterAll(() => clone.close());

  const inTransaction = <T>(work: (manager: EntityManager) => Promise<T>): Promise<T> =>
    clone.database.dataSource.transaction(work);
  const rowsOf = (
    recordId: string,
  ): Promise<{ event_id: string; headers: Record<string, string>; payload: Buffer }[]> =>
    clone.database.query('select event_id, headers, payload from outbox where aggregateid = $1 order by id', [
      recordId,
    ]);

  it('encodes the record at append, with the prefix of its connection and the version it drew', async () => {
    const appended = await inTransaction((manager) => outbox.append(manager, customer('1', { sourceVersion: 7n })));
    expect(appended).toMatchObject({ version: 1n, duplicate: false });
    const [row] = await rowsOf('sh-1');
    expect(row!.event_id).toBe(appended.eventId);
    expect(row!.headers).toMatchObject({
      ce_id: appended.eventId,
      ce_source: 'shop',
      ce_type: 'crm.customer.updated',
      ce_subject: 'sh-1',
      ce_partitionkey: 'acme:customer:sh-1',
      ce_tenant: 'acme',
      ce_aggregateversion: '1',
      ce_sourceversion: '7',
      ce_dataschema: 'canonical/customer',
      ce_hopcount: '0',
      'content-type': 'application/avro',
    });
    const schema = loadSchemas({ roots }).canonical('customer')!;
    expect(schema.decode(unframe(row!.payload).body)).toMatchObject({
      id: 'sh-1',
      name: 'Gable Mill Timber',
      version: 7n,
    });
  });

  it('takes decimals, longs and instants as JavaScript has them, without rounding', async () => {
    await inTransaction((manager) =>
      outbox.append(manager, {
        connection: 'shop',
        type: 'order.won',
        recordId: 'o1',
        data: {
          id: 'o1',
          version: 9_007_199_254_740_993n,
          customerId: '1',
          stage: 'WON',
          closedAt: new Date('2026-11-24T00:00:00Z'),
          currency: 'EUR',
          total: { amount: new Decimal('1234567890.123456789'), currency: 'EUR' },
          note: undefined,
        },
      }),
    );
    const [row] = await rowsOf('sh-o1');
    const record = loadSchemas({ roots }).canonical('order')!.decode(unframe(row!.payload).body);
    expect(record).toMatchObject({ version: 9_007_199_254_740_993n, customerId: 'sh-1', note: null });
    expect(String((record['total'] as { amount: Decimal }).amount)).toBe('1234567890.123456789');
  });

  it('refuses outside a transaction, and appends nothing when the transaction rolls back', async () => {
    await expect(outbox.append(clone.database.dataSource.manager, customer('2'))).rejects.toMatchObject({
      code: 'CROSSDOCK_OUTBOX_NO_TRANSACTION',
    });
    await expect(
      inTransaction(async (manager) => {
        await outbox.append(manager, customer('2'));
        throw new Error('the order was refused after all');
      }),
    ).rejects.toThrow('refused after all');
    expect(await rowsOf('sh-2')).toEqual([]);
  });

  it.each([
    ['a connection that is not configured', customer('3', { connection: 'nobody' }), 'UNKNOWN_CONNECTION'],
    ['a connection that is no outbox', customer('3', { connection: 'hook' }), 'UNKNOWN_CONNECTION'],
    ['an entity without a schema', customer('3', { type: 'crm.parrot.updated' }), 'UNKNOWN_ENTITY'],
    [
      'data that does not fit',
      customer('3', { data: { id: '3', kind: 'ROBOT', name: 'x', status: 'ACTIVE' } }),
      'DATA',
    ],
    ['a field the schema lacks', customer('3', { data: { ...(customer('3').data as object), shoe: 43 } }), 'DATA'],
    ['data of another record', customer('3', { recordId: '4' }), 'DATA'],
    [
      'a number that has lost digits',
      customer('3', { data: { ...(customer('3').data as object), version: 2 ** 60 } }),
      'DATA',
    ],
    [
      'a record that no topic takes',
      customer('3', { data: { ...(customer('3').data as object), name: 'x'.repeat(1_100_000) } }),
      'TOO_LARGE',
    ],
    ['an empty event id', customer('3', { eventId: '' }), 'DATA'],
    ['an event id longer than capture takes', customer('3', { eventId: 'é'.repeat(513) }), 'DATA'],
    ['a correlation id that the mapper would not take', customer('3', { correlationId: 'c'.repeat(1_025) }), 'DATA'],
    ['a trace with NUL', customer('3', { traceparent: 'a\0b' }), 'DATA'],
    ['a type longer than capture takes', customer('3', { type: `customer.${'x'.repeat(250)}` }), 'DATA'],
    ['a date that is none', customer('3', { occurredAt: new Date('tomorrow') }), 'DATA'],
    ['a date after the year 9999', customer('3', { occurredAt: new Date('+010000-01-01T00:00:00Z') }), 'DATA'],
    ['a date before the year 1', customer('3', { occurredAt: new Date('0000-12-31T23:59:59Z') }), 'DATA'],
  ])('refuses %s', async (_what, event, code) => {
    await expect(inTransaction((manager) => outbox.append(manager, event))).rejects.toMatchObject({
      code: `CROSSDOCK_OUTBOX_${code}`,
    });
    expect(await rowsOf('sh-3')).toEqual([]);
  });

  it('takes ids and dates up to their limits, and names what is beyond them', async () => {
    const longest = 'r'.repeat(512);
    const dates = ['0001-01-01T00:00:00.000Z', '9999-12-31T23:59:59.999Z'];
    for (const [at, date] of dates.entries())
      await inTransaction((manager) =>
        outbox.append(manager, customer(longest, { eventId: `${at}`.repeat(1024), occurredAt: new Date(date) })),
      );
    const rows = await clone.database.query<{ at: Date }>(
      `select (headers ->> 'ce_time')::timestamptz as at from outbox where aggregateid = $1 order by id`,
      [`sh-${longest}`],
    );
    expect(rows.map(({ at }) => at.toISOString())).toEqual(dates);
    await expect(inTransaction((manager) => outbox.append(manager, customer(`${longest}r`)))).rejects.toMatchObject({
      code: 'CROSSDOCK_OUTBOX_DATA',
      message: 'appending an event: recordId is longer than 512 bytes',
    });
  });

  it('appends a fact once, however often it is said, and draws no version for the repeat', async () => {
    const say = (): ReturnType<Outbox['append']> =>
      inTransaction((manager) => outbox.append(manager, customer('5', { eventId: 'signup' })));
    const first = await say();
    const again = await say();
    expect(again).toEqual({ ...first, version: null, duplicate: true });
    expect(first.eventId).toBe(
      eventId({ tenant: 'acme', source: 'shop', entity: 'customer', recordId: 'sh-5', sourceEventId: 'signup' }),
    );
    const next = await inTransaction((manager) => outbox.append(manager, customer('5')));
    expect(next.version).toBe(2n);
    expect(await rowsOf('sh-5')).toHaveLength(2);
  });

  it('appends a fact once when two transactions say it at the same time', async () => {
    const both = await Promise.all(
      [1, 2].map(() => inTransaction((manager) => outbox.append(manager, customer('6', { eventId: 'race' })))),
    );
    expect(both.map((one) => one.duplicate).sort()).toEqual([false, true]);
    expect(await rowsOf('sh-6')).toHaveLength(1);
  });

  it('gives several events of one call their order, in versions and in ids', async () => {
    const appended = await inTransaction((manager) =>
      outbox.appendAll(manager, [customer('8'), customer('7'), customer('8'), customer('7', { eventId: 'x' })]),
    );
    expect(appended.map((one) => one.version)).toEqual([1n, 1n, 2n, 2n]);
    const ids = appended.map((one) => one.outboxId);
    expect(ids).toEqual([...ids].sort((a, b) => Number(a - b)));
  });

  it('locks the records of a call in one order, whatever order they are named in', async () => {
    const names = Array.from({ length: 12 }, (_, at) => `lock-${at}`);
    for (let round = 0; round < 10; round++)
      await Promise.all([
        inTransaction((manager) =>
          outbox.appendAll(
            manager,
            names.map((name) => customer(name)),
          ),
        ),
        inTransaction((manager) =>
          outbox.appendAll(
            manager,
            names.toReversed().map((name) => customer(name)),
          ),
        ),
      ]);
    expect(await rowsOf('sh-lock-3')).toHaveLength(20);
  });

  it('appends nothing while the database may be older than the log, and makes other event ids after that', async () => {
    const append = (id: string) =>
      clone.database.dataSource.transaction((manager) => outbox.append(manager, customer(id)));
    await append('g1');
    await clone.database.query("update history set state = 'doubted', generation = 1");
    await expect(append('g1')).rejects.toMatchObject({ code: 'CROSSDOCK_OUTBOX_DATABASE_DOUBTED', retryable: true });
    await clone.database.query('update history set reported_at = clock_timestamp()');
    const { eventId: id, version } = await append('g1');
    const sourceEventId = 'crossdock:version:1:2';
    expect([id, version]).toEqual([
      eventId({ tenant: 'acme', source: 'shop', entity: 'customer', recordId: 'sh-g1', sourceEventId }),
      2n,
    ]);
    await clone.database.query("update history set state = 'trusted', generation = 0, reported_at = null");
  });
});

describe('the statements below it', () => {
  let clone: ClonedDatabase;
  beforeAll(async () => {
    clone = await clonedDatabase();
  });
  afterAll(() => clone.close());

  const row = (key: string): Parameters<typeof appendRows>[1][number] => ({
    eventId: crypto.randomUUID(),
    aggregateType: 'order',
    aggregateId: '1',
    type: 'crm.order.won',
    topic: 'crm.order.v1',
    key,
    headers: {},
    payload: null,
  });

  it('refuse a row whose transaction has locked nothing: the relay could not prove its gap empty', async () => {
    await expect(clone.database.transaction((tx) => appendRows(tx, [row('k')]))).rejects.toMatchObject({
      code: 'CROSSDOCK_OUTBOX_NO_TRANSACTION',
    });
    await expect(appendRows(clone.database, [row('k')])).rejects.toMatchObject({
      code: 'CROSSDOCK_OUTBOX_NO_TRANSACTION',
    });
  });

  it('keep the highest known source version, and give it to events that have none', async () => {
    const draw = (sourceVersion?: bigint): ReturnType<typeof drawVersion> =>
      clone.database.transaction((tx) => drawVersion(tx, 'k1', sourceVersion));
    expect(await draw()).toEqual({ version: 1n, sourceVersion: undefined, hopCount: 0, generation: 0 });
    expect(await draw(20n)).toMatchObject({ version: 2n, sourceVersion: 20n });
    expect(await draw(10n)).toMatchObject({ version: 3n, sourceVersion: 10n });
    expect(await draw()).toMatchObject({ version: 4n, sourceVersion: 20n });
  });

  it('let a replay hold the record without drawing a version', async () => {
    const key = recordKey('t', 'order', 'replayed');
    expect(await clone.database.transaction((tx) => lockRecord(tx, key))).toBeUndefined();
    await clone.database.transaction((tx) => drawVersion(tx, key, 3n));
    const replayed = await clone.database.transaction(async (tx) => {
      const held = await lockRecord(tx, key);
      return { held, appended: await appendRows(tx, [row(key)]) };
    });
    expect(replayed.held).toEqual({ version: 1n, sourceVersion: 3n });
    expect(replayed.appended[0]!.duplicate).toBe(false);
  });

  it('give the hop count of our own write to every event of the record, until that write is forgotten', async () => {
    const hops = async (key: string): Promise<number> =>
      (await clone.database.transaction((tx) => drawVersion(tx, key))).hopCount;
    await clone.database.query("insert into own_write (key, hops) values ('k2', 2), ('new', 1)");
    expect([await hops('k2'), await hops('k2'), await hops('new'), await hops('k3')]).toEqual([2, 2, 1, 0]);
    await clone.database.query("delete from own_write where key = 'k2'");
    expect(await hops('k2')).toBe(0);
  });
});
