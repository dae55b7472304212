import { randomUUID } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import type { WriteResult } from '#contracts';
import { attemptsOf, fixture } from '../test/fixture.ts';
import { becomes, recordOf, until, type Doc, type World } from '../test/harness.ts';
import { order } from '../test/order.ts';

const at = fixture();
const refusal: WriteResult = { outcome: 'rejected', errorClass: 'VALUE', message: 'no', httpStatus: 422 };

interface Outcome {
  outcome: string;
  revision: number | null;
  note: string | null;
}

let offset = 0n;

/** The record that a replayed event gives; `again` brings the same record once more. */
async function replay(
  w: World,
  event: string,
  document: Partial<Doc>,
  options: { resend?: boolean; id?: string } = {},
): Promise<Outcome & { id: string }> {
  const id = options.id ?? randomUUID();
  await w.database.query(
    'insert into replay (event_id, replay_of, command_id, resend) values ($1, $2, gen_random_uuid(), $3) on conflict do nothing',
    [id, event, options.resend ?? false],
  );
  const record = recordOf(w.connection.name, event, document, ++offset);
  const headers = { ...record.headers, cd_eventId: id, cd_replayOf: event };
  expect(await w.intake.take([{ ...record, headers }])).toEqual([]);
  const [outcome] = await w.database.query<Outcome>(
    'select outcome, revision, note from replay_outcome where event_id = $1',
    [id],
  );
  return { ...outcome!, id };
}

const keys = (w: World): string[] => w.target.applied.map(({ requestKey }) => requestKey.slice(36));
const countOf = async (w: World): Promise<number> =>
  (await w.database.query('select 1 from delivery where connection = $1', [w.connection.name])).length;

describe('a document that a person corrects', () => {
  it('goes out as a new revision with every digit, under a request key of its own', async () => {
    const w = await at.running();
    const orders = await order(w);
    w.target.fault({ do: 'answer', result: refusal });
    const event = await w.send({ body: { amount: 1 } });
    await becomes(w, event, 'DEAD');
    const placed = await orders.on(event, 'edit', { body: '{"amount": 90071992547409931.10, "b": "é"}' });
    expect(placed).toMatchObject({ status: 'done', result: { revision: 2 } });
    expect(await becomes(w, event, 'DELIVERED')).toMatchObject({ revision: 2, delivered_revision: 2 });
    expect(w.target.applied[0]!.body).toBe('{"amount":90071992547409931.10,"b":"é"}');
    expect(keys(w)).toEqual([':r2']);
    const sent = (await attemptsOf(w, event)).filter((attempt) => attempt['outcome'] !== 'not-sent');
    expect(sent.map((attempt) => attempt['revision'])).toEqual([1, 2]);
    await orders.stop();
  });

  it('keeps what only delivery can fill in, unless the person filled it in', async () => {
    const w = await at.running();
    const orders = await order(w);
    const open = [
      { pointer: '/customer', reference: { document: 'customer', key: 't:e:c1' } },
      { pointer: '/terms', values: { set: 'terms', from: 'net30' } },
    ];
    const event = await w.send({ document: 'salesOrder', key: 'o1', body: { a: 1 }, headers: { open } });
    await becomes(w, event, 'HELD_DEPENDENCY');
    expect((await orders.on(event, 'edit', { body: '{"a": 2, "terms": "30D"}' })).status).toBe('done');
    await until('only the customer is missing', async () => {
      const waits = (await w.row(event))['waiting_for'] as { key: string }[] | null;
      return waits?.length === 1 && waits[0]!.key === 't:e:c1';
    });
    await w.send({ key: 'c1' });
    await becomes(w, event, 'DELIVERED');
    expect(w.target.records('salesOrder', 't:e:o1')[0]!.body).toBe('{"a":2,"terms":"30D","customer":"T1"}');
    await orders.stop();
  });

  it('is refused while it is unknown what happened, after it took effect, and when it is no document', async () => {
    const w = await at.running({ retry: { ladderMs: [5], jitter: 0 } });
    const orders = await order(w);
    const event = await w.send({ document: 'payment' });
    await becomes(w, event, 'DELIVERED');
    const reason = async (of: string, body: unknown): Promise<unknown> =>
      (await orders.on(of, 'edit', { body })).result['reason'];
    expect(await reason(event, '{}')).toContain('DELIVERED');
    w.target.documents.set('salesOrder', {
      ...w.target.documents.get('salesOrder')!,
      repeatIsSafe: { create: 'never' },
    });
    w.target.fault({ do: 'hang' });
    const doubtful = await w.send({ document: 'salesOrder' });
    await becomes(w, doubtful, 'PARKED');
    expect(await reason(doubtful, '{}')).toContain('in doubt');
    for (const body of ['{', '[1]', '{"a":"\\u0000"}', 7])
      expect(await reason(doubtful, body)).toMatch(/document|kept/);
    await orders.stop();
  });
});

describe('a replayed event', () => {
  it('gives what is dead its new content, and what has the same content nothing', async () => {
    const w = await at.running();
    w.target.fault({ do: 'answer', result: refusal });
    const event = await w.send({ body: { a: 1 } });
    await becomes(w, event, 'DEAD');
    expect(await replay(w, event, { body: { a: 1 } })).toMatchObject({
      outcome: 'nothing',
      note: expect.stringContaining('retry'),
    });
    expect(await replay(w, event, { body: { a: 2 } })).toMatchObject({ outcome: 'revised', revision: 2 });
    await becomes(w, event, 'DELIVERED');
    expect(w.target.applied.map(({ body }) => body)).toEqual(['{"a":2}']);
    expect(await countOf(w)).toBe(1);
  });

  it('frees what was held for a reason that the mapping no longer gives', async () => {
    const w = await at.running();
    const event = await w.send({ body: { a: 1 }, headers: { review: 'total differs' } });
    await becomes(w, event, 'HELD_REVIEW');
    expect((await replay(w, event, { body: { a: 1 } })).outcome).toBe('revised');
    await becomes(w, event, 'DELIVERED');
  });

  it('lets go what went around too often, once its mapping is mended', async () => {
    const w = await at.running();
    const event = await w.send({ body: { a: 1 }, headers: { hopCount: 4 } });
    await becomes(w, event, 'HELD_REVIEW');
    expect((await replay(w, event, { body: { a: 2 }, headers: { hopCount: 4 } })).outcome).toBe('revised');
    await becomes(w, event, 'DELIVERED');
  });

  it('turns what the mapping refused into a document', async () => {
    const w = await at.running();
    const event = await w.send({ kind: 'rejected', headers: { reason: 'no date' } });
    await becomes(w, event, 'DEAD');
    expect((await replay(w, event, { body: { a: 1 } })).outcome).toBe('revised');
    expect(await becomes(w, event, 'DELIVERED')).toMatchObject({ kind: 'document' });
  });

  it('sends a delivered state again only if that was asked, it differs, and nothing newer is there', async () => {
    const w = await at.running();
    const event = await w.send({ document: 'salesOrder', version: 1, body: { a: 1 } });
    await becomes(w, event, 'DELIVERED');
    const of = { document: 'salesOrder', version: 1 };
    expect(await replay(w, event, { ...of, body: { a: 2 } })).toMatchObject({ outcome: 'nothing' });
    expect(await replay(w, event, { ...of, body: { a: 1 } }, { resend: true })).toMatchObject({ outcome: 'nothing' });
    const changed = await replay(w, event, { ...of, body: { a: 2 } }, { resend: true });
    expect(changed).toMatchObject({ outcome: 'revised', revision: 2 });
    await until('the new content is there', () => w.target.applied.length === 2);
    expect(await becomes(w, event, 'DELIVERED')).toMatchObject({ delivered_revision: 2 });
    expect(w.target.applied.map(({ operation }) => operation)).toEqual(['create', 'update']);
    expect(keys(w)).toEqual(['', ':r2']);
    // the same record of the log once more
    await replay(w, event, { ...of, body: { a: 3 } }, { resend: true, id: changed.id });
    await becomes(w, await w.send({ ...of, version: 2, body: { a: 9 } }), 'DELIVERED');
    expect(await replay(w, event, { ...of, body: { a: 4 } }, { resend: true })).toMatchObject({
      note: expect.stringContaining('newer'),
    });
    expect(w.target.applied).toHaveLength(3);
  });

  it('leaves a delivered one delivered when its new revision is given up or superseded', async () => {
    const w = await at.running();
    const orders = await order(w);
    const event = await w.send({ version: 1, body: { a: 1 } });
    await becomes(w, event, 'DELIVERED');
    w.target.fault({ do: 'answer', result: refusal });
    await replay(w, event, { version: 1, body: { a: 2 } }, { resend: true });
    await becomes(w, event, 'DEAD');
    expect((await orders.on(event, 'cancel')).status).toBe('done');
    expect(await becomes(w, event, 'DELIVERED')).toMatchObject({
      revision: 1,
      delivered_revision: 1,
      kind: 'document',
    });
    w.target.fault({ do: 'answer', result: refusal });
    expect(await replay(w, event, { version: 1, body: { a: 3 } }, { resend: true })).toMatchObject({ revision: 3 });
    await becomes(w, event, 'DEAD');
    await becomes(w, await w.send({ version: 2, body: { a: 4 } }), 'DELIVERED');
    expect(await becomes(w, event, 'DELIVERED')).toMatchObject({ revision: 1 });
    await orders.stop();
  });

  it('says that it is as before of what a result has called dead meanwhile, and nothing where none did', async () => {
    const w = await at.running();
    const orders = await order(w);
    const of = { key: 'rev-told', version: 1 };
    const said = async (): Promise<string[]> =>
      (
        await w.database.query<{ said: string }>(
          `select substr(headers->>'ce_type', 13) || case when headers->>'ce_causationid' = $1 then '' else ' newer' end as said
             from outbox where topic = 'sync.result.v1' and key = 't:e:rev-told' order by id`,
          [event],
        )
      ).map((row) => row.said);
    const event = await w.send({ ...of, body: { a: 1 } });
    await becomes(w, event, 'DELIVERED');
    await replay(w, event, { ...of, body: { a: 2 }, headers: { review: 'look' } }, { resend: true });
    await becomes(w, event, 'HELD_REVIEW');
    await orders.on(event, 'cancel');
    await becomes(w, event, 'DELIVERED');
    expect(await said()).toEqual(['delivered']);

    w.target.fault({ do: 'answer', result: refusal });
    await replay(w, event, { ...of, body: { a: 2 } }, { resend: true });
    await becomes(w, event, 'DEAD');
    const { name: connection } = w.connection;
    await orders.place('pause', { connection });
    await orders.on(event, 'retry');
    await orders.on(event, 'retry');
    await orders.on(event, 'cancel');
    expect(await becomes(w, event, 'DELIVERED')).toMatchObject({ revision: 1, error_class: null });
    expect(await said()).toEqual(['delivered', 'dead', 'delivered']);

    await orders.place('resume', { connection });
    w.target.fault({ do: 'answer', result: refusal });
    await replay(w, event, { ...of, body: { a: 3 } }, { resend: true });
    await becomes(w, event, 'DEAD');
    await becomes(w, await w.send({ ...of, version: 2, body: { a: 4 } }), 'DELIVERED');
    expect(await becomes(w, event, 'DELIVERED')).toMatchObject({ revision: 1, error_class: null });
    expect((await said()).slice(3)).toEqual(['dead', 'delivered', 'delivered newer']);
    await orders.stop();
  });

  it('changes a posted fact only by reversing it', async () => {
    const w = await at.running();
    const lines = (a: number) => ({ lines: [{ debit: a }] });
    const [once, reversible] = [
      await w.send({ document: 'journalEntry', body: lines(1) }),
      await w.send({ document: 'invoice', body: lines(1) }),
    ];
    await becomes(w, once, 'DELIVERED');
    await becomes(w, reversible, 'DELIVERED');
    const refused = await replay(w, once, { document: 'journalEntry', body: lines(2) }, { resend: true });
    expect(refused).toMatchObject({ outcome: 'nothing', note: expect.stringContaining('reversal') });
    const changed = await replay(w, reversible, { document: 'invoice', body: lines(2) }, { resend: true });
    expect(changed).toMatchObject({ outcome: 'revised', revision: 2 });
    await until('reversed and posted', () => w.target.applied.length === 4);
    await becomes(w, reversible, 'DELIVERED');
    expect(keys(w).slice(2)).toEqual([':r2:reversal', ':r2']);
    expect(w.target.applied[2]!.body).toBe('{"lines":[{"credit":1}]}');
    const again = await replay(w, reversible, { document: 'invoice', body: lines(2) }, { resend: true });
    expect(again.outcome).toBe('nothing');
    expect(w.target.applied).toHaveLength(4);
  });

  it('sends a record again with its newest version, also where that one changed nothing when it came', async () => {
    const w = await at.running();
    const [first, echo] = [{ version: 1 }, { version: 2, headers: { hopCount: 4 } }];
    const delivered = await w.send({ ...first, body: { x: 1 } });
    await becomes(w, delivered, 'DELIVERED');
    const event = await w.send({ ...echo, body: { x: 1 } });
    await becomes(w, event, 'SKIPPED_NOCHANGE');
    expect(await replay(w, delivered, { ...first, body: { x: 2 } }, { resend: true })).toMatchObject({
      note: expect.stringContaining('newer'),
    });
    expect(await replay(w, event, { ...echo, body: { x: 2 } })).toMatchObject({
      note: expect.stringContaining('was not asked'),
    });
    expect(await replay(w, event, { ...echo, body: { x: 1 } }, { resend: true })).toMatchObject({
      note: 'it is SKIPPED_NOCHANGE with the same content',
    });
    expect(await replay(w, event, { ...echo, body: { x: 2 } }, { resend: true })).toMatchObject({ revision: 2 });
    // its hops are those of before: what a person ordered begins to count anew
    expect(await becomes(w, event, 'DELIVERED')).toMatchObject({ delivered_revision: 2, hop_count: 0 });
    expect(w.target.applied.map(({ body }) => body)).toEqual(['{"x":1}', '{"x":2}']);
    expect((await replay(w, event, { ...echo, body: { x: 2 } }, { resend: true })).outcome).toBe('nothing');
    const lag = (await w.metrics.text()).match(/crossdock_sync_lag_seconds_count\{[^}]*\} (\d+)/);
    expect(lag?.[1]).toBe('1'); // not from the moment in which it was accepted
  });

  it('leaves one that changed nothing what it was when its new revision is given up, superseded or changes nothing', async () => {
    const w = await at.running();
    const orders = await order(w);
    await becomes(w, await w.send({ version: 1, body: { x: 1 } }), 'DELIVERED');
    const echo = { version: 2, body: { x: 1 } };
    const event = await w.send(echo);
    const before = { revision: 1, delivered_revision: null, error_class: null };
    await becomes(w, event, 'SKIPPED_NOCHANGE');
    w.target.fault({ do: 'answer', result: refusal });
    await replay(w, event, { ...echo, body: { x: 2 } }, { resend: true });
    await becomes(w, event, 'DEAD');
    expect((await orders.on(event, 'cancel')).status).toBe('done');
    expect(await becomes(w, event, 'SKIPPED_NOCHANGE')).toMatchObject(before);
    const unchanged = { ...echo, headers: { createOnly: ['/y'] } };
    expect(await replay(w, event, unchanged, { resend: true })).toMatchObject({ revision: 3 });
    expect(await becomes(w, event, 'SKIPPED_NOCHANGE')).toMatchObject(before);
    w.target.fault({ do: 'answer', result: refusal });
    expect(await replay(w, event, { ...echo, body: { x: 3 } }, { resend: true })).toMatchObject({ revision: 4 });
    await becomes(w, event, 'DEAD');
    await becomes(w, await w.send({ version: 3, body: { x: 4 } }), 'DELIVERED');
    expect(await becomes(w, event, 'SKIPPED_NOCHANGE')).toMatchObject(before);
    expect(w.target.applied.map(({ body }) => body)).toEqual(['{"x":1}', '{"x":4}']);
    await orders.stop();
  });

  it('reverses what is posted also where a newer version of it changed nothing, and only if it may', async () => {
    const w = await at.running();
    const lines = (a: number) => ({ lines: [{ debit: a }] });
    for (const document of ['journalEntry', 'invoice']) {
      await becomes(w, await w.send({ document, version: 1, body: lines(1) }), 'DELIVERED');
      const echo = await w.send({ document, version: 2, body: lines(1) });
      await becomes(w, echo, 'SKIPPED_NOCHANGE');
      const changed = await replay(w, echo, { document, version: 2, body: lines(2) }, { resend: true });
      expect(changed.outcome).toBe(document === 'invoice' ? 'revised' : 'nothing');
      if (document === 'invoice') await becomes(w, echo, 'DELIVERED');
    }
    expect(w.target.applied.map(({ document, body }) => `${document} ${body}`)).toEqual([
      'journalEntry {"lines":[{"debit":1}]}',
      'invoice {"lines":[{"debit":1}]}',
      'invoice {"lines":[{"credit":1}]}',
      'invoice {"lines":[{"debit":2}]}',
    ]);
  });

  it('sends again what is delivered although its mapping ignored a newer version', async () => {
    const w = await at.running();
    const event = await w.send({ version: 1, body: { x: 1 } });
    await becomes(w, event, 'DELIVERED');
    await becomes(w, await w.send({ version: 2, kind: 'ignored' }), 'IGNORED');
    expect(await replay(w, event, { version: 1, body: { x: 2 } }, { resend: true })).toMatchObject({ revision: 2 });
    expect(await becomes(w, event, 'DELIVERED')).toMatchObject({ delivered_revision: 2 });
    expect(w.target.applied.map(({ body }) => body)).toEqual(['{"x":1}', '{"x":2}']);
  });

  it('does not call a fact delivered whose posting it reversed, when the mapping then withdraws it', async () => {
    const w = await at.running();
    const invoice = (amount: number) => ({ document: 'invoice', body: { lines: [{ debit: amount }] } });
    const event = await w.send(invoice(1));
    await becomes(w, event, 'DELIVERED');
    w.target.fault({ do: 'answer', result: refusal }, ({ operation }) => operation === 'create');
    await replay(w, event, invoice(2), { resend: true });
    expect(await becomes(w, event, 'DEAD')).toMatchObject({ reversed: true });
    await replay(w, event, { document: 'invoice', kind: 'withdraw' });
    const over = await until('it is over', async () => {
      const row = await w.row(event);
      return row['status'] !== 'DEAD' && row['status'] !== 'PENDING' && row;
    });
    expect(over).toMatchObject({ status: 'IGNORED', revision: 3, kind: 'withdraw' });
    expect(w.target.applied.map(({ operation }) => operation)).toEqual(['create', 'reverse']);
    const results = await w.database.query(
      `select headers->>'ce_type' as type from outbox where headers->>'ce_type' like 'sync.result%' and key = 't:e:r1'
        and payload is not null order by id desc limit 1`,
    );
    expect(results).toEqual([{ type: 'sync.result.ignored' }]);
  });

  it('changes nothing while a request is open or in doubt', async () => {
    const w = await at.running();
    let open = (): void => {};
    w.target.fault({ do: 'wait', until: new Promise((resolve) => (open = resolve)) });
    const event = await w.send({ body: { a: 1 } });
    await until('the request is out', () => w.target.open === 1);
    const met = await replay(w, event, { body: { a: 2 } }, { resend: true });
    expect(met).toMatchObject({ outcome: 'nothing', note: expect.stringContaining('in doubt') });
    open();
    await becomes(w, event, 'DELIVERED');
    expect(w.target.applied.map(({ body }) => body)).toEqual(['{"a":1}']);
  });

  it('changes nothing where its flow makes another type of document by now', async () => {
    const w = await at.running();
    const flow = `${w.connection.name}-moved`;
    const event = await w.send({ document: 'customer', flow, body: { a: 1 }, headers: { review: 'wait' } });
    await becomes(w, event, 'HELD_REVIEW');
    const met = await replay(w, event, { document: 'payment', flow, body: { a: 2 } });
    expect(met).toMatchObject({ outcome: 'nothing', note: expect.stringContaining('another document') });
    expect(await countOf(w)).toBe(1);
  });

  it('is set aside, and stops nothing behind it, when its ids are none', async () => {
    const w = await at.running();
    const broken = recordOf(w.connection.name, 'no uuid', {}, ++offset);
    const nameless = recordOf(w.connection.name, randomUUID(), {}, ++offset);
    const event = randomUUID();
    const refused = await w.intake.take([
      broken,
      { ...nameless, headers: { ...nameless.headers, cd_replayOf: 'x' } },
      recordOf(w.connection.name, event, { key: 'behind' }, ++offset),
    ]);
    expect(refused).toEqual([
      { at: 0, reason: 'header cd_eventId is no uuid' },
      { at: 1, reason: 'header cd_replayOf is no uuid' },
    ]);
    await becomes(w, event, 'DELIVERED');
  });

  it('is taken in by a flow that never had the event', async () => {
    const w = await at.running();
    const event = randomUUID();
    expect(await replay(w, event, { body: { a: 1 } })).toMatchObject({ outcome: 'taken' });
    expect(await becomes(w, event, 'DELIVERED')).toMatchObject({ event_id: event });
    expect((await replay(w, event, { body: { a: 1 } })).outcome).toBe('nothing');
  });
});

/** An event of the CRM as it stands in the archive, the seventh of a record of its own. */
async function archived(w: World, topic = 'crm.order.v1'): Promise<{ key: string; event: string }> {
  const event = randomUUID();
  const key = `acme:order:${event}`;
  await w.database.query(`insert into aggregate_version (key, version) values ($1, 7)`, [key]);
  await w.database.query(
    `with x as (insert into outbox_event (event_id, outbox_id) values ($1, nextval('outbox_id')) returning outbox_id)
     insert into outbox (id, event_id, aggregatetype, aggregateid, type, topic, key, headers, payload)
     select outbox_id, $1, 'order', 'o1', 'crm.order.won', $4, $2, $3, '\\x01' from x`,
    [event, key, JSON.stringify({ ce_id: event, ce_tenant: 'acme', ce_aggregateversion: '7' }), topic],
  );
  return { key, event };
}

describe('an order to replay', () => {
  it('appends at the front under the lock of the record, draws no version, and appends nothing when it is executed twice', async () => {
    const w = await at.world();
    const orders = await order(w);
    const { key, event } = await archived(w);
    const unknown = randomUUID();
    const placed = await orders.place('replay', { resend: 'changed' }, [event, unknown]);
    expect(placed).toMatchObject({ status: 'done', result: { replayed: 1, missing: [unknown] } });
    const rows = await w.database.query<{ event_id: string; headers: Record<string, string>; payload: Buffer }>(
      'select event_id, headers, payload from outbox where key = $1 order by id',
      [key],
    );
    expect(rows).toHaveLength(2);
    expect(rows[1]!.headers).toMatchObject({ ce_id: rows[1]!.event_id, ce_replayof: event, ce_aggregateversion: '7' });
    expect(rows[1]!.payload).toEqual(Buffer.from([1]));
    expect(await w.database.query('select version from aggregate_version where key = $1', [key])).toEqual([
      { version: 7n },
    ]);
    // a replay of the replay means the event; COMMIT lost and executed again would be the same order
    const again = await orders.place('replay', {}, [rows[1]!.event_id, event]);
    expect(again).toMatchObject({ status: 'done', result: { replayed: 1 } });
    for (const [target, events] of [
      [{}, []],
      [{}, [unknown]],
      [{ rate: 0 }, [event]],
      [{ resend: 'all' }, [event]],
    ] as const)
      expect(await orders.place('replay', target, events)).toMatchObject({ status: 'refused' });
    await orders.stop();
  });

  it('sends as many events a second as it was told, lets other orders go first, and is ended by another order', async () => {
    const w = await at.world();
    const orders = await order(w);
    const events: string[] = [];
    for (let n = 0; n < 7; n++) events.push((await archived(w)).event);
    const replayed = async (id: string): Promise<string[]> =>
      (await w.database.query<{ replay_of: string }>('select replay_of from replay where command_id = $1', [id])).map(
        (row) => row.replay_of,
      );
    const id = await orders.put('replay', { rate: 2 }, events);
    await until('the first part is through', async () => (await replayed(id)).length === 2);
    const { result } = await orders.place('replay', { rate: 1000 }, events.slice(5)); // although the other was first
    expect(result).toMatchObject({ replayed: 2, left: 0 });
    expect((await replayed(id)).length).toBeLessThan(7);
    await until('the second part is through', async () => (await replayed(id)).length >= 4);
    expect(await orders.place('cancel-replay', { replayId: id })).toMatchObject({ status: 'done' });
    const done = await orders.answer(id);
    const sent = await replayed(id);
    expect(done).toMatchObject({
      status: 'done',
      result: { replayed: sent.length, cancelled: 7 - sent.length, left: 0 },
    });
    expect(new Set(sent)).toEqual(new Set(events.slice(0, sent.length))); // oldest first
    expect(await w.database.query('select 1 from command_event')).toEqual([]);
    for (const replayId of [id, randomUUID(), 'x'])
      expect(await orders.place('cancel-replay', { replayId })).toMatchObject({ status: 'refused' });
    await orders.stop();
  });

  it('goes on in another process where the first one stopped, and says which events it could not send through', async () => {
    const w = await at.world();
    const [first, second] = [await order(w), await order(w)];
    const own = [await archived(w), await archived(w), await archived(w)].map(({ event }) => event);
    const result = (await archived(w, 'sync.result.v1')).event;
    const unknown = randomUUID();
    const id = await first.put('replay', { rate: 2 }, [own[0]!, unknown, own[1]!, result, own[2]!]);
    await until(
      'the first part is through',
      async () => (await w.database.query('select 1 from replay where command_id = $1', [id])).length > 0,
    );
    await first.stop();
    expect(await second.answer(id)).toMatchObject({
      status: 'done',
      result: { replayed: 3, left: 0, missing: [unknown], notOfTheCrm: [result] },
    });
    expect(await second.place('replay', {}, [result])).toMatchObject({
      status: 'refused',
      result: { reason: expect.stringContaining('only events of the CRM') },
    });
    await second.stop();
  });
});
