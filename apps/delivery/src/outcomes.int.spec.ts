import { randomInt } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import type { WriteResult } from '#contracts';
import { attemptsOf, fixture } from '../test/fixture.ts';
import { becomes, until } from '../test/harness.ts';

const answer = (result: WriteResult) => ({ do: 'answer', result }) as const;

describe('outcomes', () => {
  const at = fixture();

  it('sends what was taken in, binds the id and writes one result', async () => {
    const w = await at.running();
    const event = await w.send({ document: 'customer', body: { name: 'Ada', amount: 1.1 }, key: 'out-1' });
    const row = await becomes(w, event, 'DELIVERED');
    expect(row).toMatchObject({ attempts: 1, target_id: 'T1' });
    expect(w.target.applied.map(({ body }) => body)).toEqual(['{"name":"Ada","amount":1.1}']);
    const results = await w.database.query(
      `select headers from outbox where topic = 'sync.result.v1' and key = 't:e:out-1'`,
    );
    expect(results).toMatchObject([{ headers: { ce_type: 'sync.result.delivered', ce_causationid: event } }]);
    const xref = await w.database.query('select * from xref where connection = $1', [w.connection.name]);
    expect(xref).toMatchObject([{ document: 'customer', key: 't:e:out-1', target_id: 'T1' }]);
  });

  it('gives a result another id than one of the same version had that a restore has lost', async () => {
    const w = await at.running();
    const saidOf = async (version: number): Promise<string | undefined> => {
      const event = await w.send({ document: 'customer', key: 'out-2', version });
      await becomes(w, event, 'DELIVERED');
      const [row] = await w.database.query<{ id: string }>(
        `select headers->>'ce_id' as id from outbox where topic = 'sync.result.v1' and headers->>'ce_causationid' = $1
           and headers->>'ce_aggregateversion' = '1'`,
        [event],
      );
      return row?.id;
    };
    const before = await saidOf(1);
    await w.database.query('delete from result_version');
    await w.database.query('update history set generation = generation + 1');
    const after = await saidOf(2);
    expect([before, after]).toEqual([expect.any(String), expect.any(String)]);
    expect(after).not.toBe(before);
  });

  it('takes an event in once, and counts a repeat and a differing repeat', async () => {
    const w = await at.running();
    const event = await w.send({ body: { a: 1 } });
    await w.send({ event, body: { a: 1 } });
    await w.send({ event, body: { a: 2 } });
    await becomes(w, event, 'DELIVERED');
    expect(w.target.applied).toHaveLength(1);
    const keys = await w.database.query('select repeats, differing from delivery_key where event_id = $1', [event]);
    expect(keys).toEqual([{ repeats: 2, differing: 1 }]);
  });

  it('adopts the id when a create is told that the key exists, and updates in the same delivery', async () => {
    const w = await at.running();
    w.target.put('salesOrder', 't:e:r1', 'OLD');
    const event = await w.send({ document: 'salesOrder', body: { a: 1 } });
    expect(await becomes(w, event, 'DELIVERED')).toMatchObject({ adopted: false, target_id: 'OLD', attempts: 2 });
    expect(w.target.applied).toMatchObject([{ operation: 'update', body: '{"a":1}' }]);
    expect(w.target.applied[0]!.requestKey).toMatch(/:adopt$/);
  });

  it('looks for the id of an upsert whose answer does not say it, because others wait for it', async () => {
    const w = await at.running();
    w.target.fault(answer({ outcome: 'done', httpStatus: 200 }));
    w.target.findAnswer = { found: 'one', targetId: 'F1', requestKeyMatches: false, evidence: 'GET' };
    const event = await w.send({ document: 'customer', key: 'no-id' });
    expect(await becomes(w, event, 'DELIVERED')).toMatchObject({ target_id: 'F1', attempts: 1 });
  });

  it('sends an upsert again when neither its answer nor a look says the id', async () => {
    const w = await at.running();
    w.target.fault(answer({ outcome: 'done', httpStatus: 200 }));
    w.target.findAnswer = { found: 'failed', message: 'away', evidence: 'GET' };
    const event = await w.send({ document: 'customer', key: 'no-id-again' });
    expect(await becomes(w, event, 'DELIVERED')).toMatchObject({ target_id: expect.any(String), attempts: 2 });
  });

  it('parks a fact whose key exists and is not ours', async () => {
    const w = await at.running();
    w.target.fault(answer({ outcome: 'duplicate', message: 'exists', httpStatus: 409 }));
    w.target.findAnswer = { found: 'one', targetId: 'X', requestKeyMatches: false, evidence: 'GET' };
    const event = await w.send({ document: 'payment' });
    expect(await becomes(w, event, 'PARKED')).toMatchObject({ error_class: 'DUPLICATE' });
  });

  it('counts a fact as done when the existing one carries our request key', async () => {
    const w = await at.running();
    w.target.fault(answer({ outcome: 'duplicate', message: 'exists', httpStatus: 409 }));
    w.target.findAnswer = { found: 'one', targetId: 'X', requestKeyMatches: true, evidence: 'GET' };
    const event = await w.send({ document: 'payment' });
    expect(await becomes(w, event, 'DELIVERED')).toMatchObject({ target_id: 'X' });
  });

  it('tries again by the ladder what was not sent for sure, and delivers it', async () => {
    const w = await at.running();
    w.target.fault({ do: 'not-sent' }, undefined, 2);
    const event = await w.send({ document: 'task' });
    expect(await becomes(w, event, 'DELIVERED')).toMatchObject({ attempts: 3 });
    expect((await attemptsOf(w, event)).map((row) => row['outcome'])).toEqual(['not-sent', 'not-sent', 'done']);
  });

  it('parks at the end of the ladder, to be tried once an hour by itself, and writes a result', async () => {
    const w = await at.running();
    w.target.fault({ do: 'not-sent' }, undefined, 100);
    const event = await w.send({ key: 'out-park' });
    const row = await becomes(w, event, 'PARKED');
    expect(row).toMatchObject({ error_class: 'CONNECTION', attempts: 4 });
    expect((row['next_attempt_at'] as Date).getTime()).toBeGreaterThan(Date.now() + 3_000_000);
    const results = await w.database.query(`select headers from outbox where key = 't:e:out-park'`);
    expect(results).toMatchObject([{ headers: { ce_type: 'sync.result.parked' } }]);
  });

  it('tries a parked record by itself when its hour is over, and whatever it finds then is legal', async () => {
    const w = await at.running();
    w.target.fault({ do: 'not-sent' }, undefined, 4);
    const event = await w.send({});
    await becomes(w, event, 'PARKED');
    w.target.documents.set('customer', { ...w.target.documents.get('customer')!, schema: 'erp/customer' });
    await w.database.query(`update delivery set next_attempt_at = clock_timestamp() where event_id = $1`, [event]);
    await w.database.query(`update lane set due_at = clock_timestamp() where connection = $1`, [w.connection.name]);
    // its body is refused by the schema now
    expect(await becomes(w, event, 'DEAD')).toMatchObject({ error_class: 'VALUE', attempts: 4 });
  });

  it('makes a business refusal dead after one attempt', async () => {
    const w = await at.running();
    w.target.fault(answer({ outcome: 'rejected', errorClass: 'VALUE', message: 'no such country', httpStatus: 422 }));
    const event = await w.send({});
    expect(await becomes(w, event, 'DEAD')).toMatchObject({
      error_class: 'VALUE',
      attempts: 1,
      error: 'no such country',
    });
  });

  it('refuses a body that the schema of the target refuses, without sending it', async () => {
    const w = await at.running();
    w.target.documents.set('customer', { ...w.target.documents.get('customer')!, schema: 'erp/customer' });
    const event = await w.send({ body: { nonsense: true } });
    expect(await becomes(w, event, 'DEAD')).toMatchObject({ error_class: 'VALUE', attempts: 0 });
    expect(w.target.requests).toHaveLength(0);
  });

  it('shows what the mapping refused as dead, and what it ignored as ignored', async () => {
    const w = await at.running();
    const rejected = await w.send({ kind: 'rejected', headers: { reason: 'lines do not add up' }, key: 'a' });
    const ignored = await w.send({ kind: 'ignored', headers: { reason: 'not won' }, key: 'b' });
    expect(await becomes(w, rejected, 'DEAD')).toMatchObject({ error_class: 'MAPPING', error: 'lines do not add up' });
    await becomes(w, ignored, 'IGNORED');
  });

  it('treats a create without an id in the answer as in doubt, and finds it', async () => {
    const w = await at.running();
    w.target.fault({ do: 'answer', result: { outcome: 'done', httpStatus: 201 } });
    w.target.findAnswer = { found: 'one', targetId: 'X9', requestKeyMatches: true, evidence: 'GET' };
    const event = await w.send({ document: 'salesOrder' });
    expect(await becomes(w, event, 'DELIVERED')).toMatchObject({ target_id: 'X9' });
    expect(w.target.requests).toHaveLength(1);
  });

  it('sends a create with its createOnly fields and an update without them', async () => {
    const w = await at.running();
    const headers = { createOnly: ['/number'] };
    const first = await w.send({ document: 'salesOrder', version: 1, body: { number: 'A', a: 1 }, headers });
    await becomes(w, first, 'DELIVERED');
    const same = await w.send({ document: 'salesOrder', version: 2, body: { number: 'B', a: 1 }, headers });
    await becomes(w, same, 'SKIPPED_NOCHANGE');
    const next = await w.send({ document: 'salesOrder', version: 3, body: { number: 'A', a: 2 }, headers });
    await becomes(w, next, 'DELIVERED');
    expect(w.target.applied.map(({ operation, body }) => [operation, body])).toEqual([
      ['create', '{"number":"A","a":1}'],
      ['update', '{"a":2}'],
    ]);
  });

  it('parks an update that is answered with another id, and binds the right one when a person says which', async () => {
    const w = await at.running();
    await becomes(w, await w.send({ document: 'salesOrder', version: 1 }), 'DELIVERED');
    const other: WriteResult = { outcome: 'done', targetId: 'T77', httpStatus: 200 };
    w.target.fault({ do: 'answer', result: other });
    const second = await w.send({ document: 'salesOrder', version: 2 });
    expect(await becomes(w, second, 'PARKED')).toMatchObject({
      error_class: 'CONFLICT',
      error: expect.stringContaining('T77'),
    });
    const bound = () => w.database.query('select target_id from xref where connection = $1', [w.connection.name]);
    expect(await bound()).toEqual([{ target_id: 'T1' }]);
    // what the target holds is not known by now: equal content is no reason to skip
    await becomes(w, await w.send({ document: 'salesOrder', version: 3, body: { a: 1 } }), 'DELIVERED');
    expect(w.target.applied.map(({ operation }) => operation)).toEqual(['create', 'update']);
  });

  it('takes an id that the database could not keep for an answer it cannot read', async () => {
    const w = await at.running({ retry: { ladderMs: [5], jitter: 0 } });
    const bad: WriteResult = { outcome: 'done', targetId: 'T\0', httpStatus: 200 };
    w.target.fault({ do: 'answer', result: bad }, undefined, 3);
    const event = await w.send({ document: 'customer' });
    expect(await becomes(w, event, 'PARKED')).toMatchObject({
      error_class: 'UNKNOWN_OUTCOME',
      error: expect.stringContaining('id'),
    });
  });

  it('takes an id longer than an index holds for an answer it cannot read, whether a write says it or a look', async () => {
    const w = await at.running({ retry: { ladderMs: [5], jitter: 0 } });
    const targetId = Array.from({ length: 2_000 }, () => String.fromCodePoint(randomInt(0x4e00, 0x9fa5))).join('');
    w.target.fault(answer({ outcome: 'done', targetId, httpStatus: 200 }), undefined, 3);
    const event = await w.send({ document: 'customer' });
    expect(await becomes(w, event, 'PARKED')).toMatchObject({
      error_class: 'UNKNOWN_OUTCOME',
      error: expect.stringContaining('id'),
    });
    // one that came late, and was kept before there was a bound
    await w.database.query(
      `update attempt set late_outcome = 'done', late_target_id = $2
        where doubt = 'open' and delivery_id = (select id from delivery where event_id = $1)`,
      [event, targetId],
    );
    await w.database.query(`update lane set due_at = clock_timestamp() where connection = $1`, [w.connection.name]);
    w.wakeAll();
    await until('it is parked for that', async () => String((await w.row(event))['error']).includes('it took effect'));
    expect(await w.status(event)).toBe('PARKED');

    w.target.fault(answer({ outcome: 'done', targetId, httpStatus: 200 }));
    w.target.findAnswer = { found: 'one', targetId, requestKeyMatches: true, evidence: 'GET' };
    const looked = await w.send({ document: 'salesOrder' });
    await until('it was looked for', () => w.target.looks.length > 1);
    expect(await w.row(looked)).toMatchObject({ status: 'UNKNOWN', error: 'the look for it failed' });
  });

  it('keeps the outcome of a refusal whose words hold NUL or half a character', async () => {
    const w = await at.running();
    w.target.fault(answer({ outcome: 'rejected', errorClass: 'VALUE', message: 'no\0 \ud83d' }));
    const event = await w.send({ document: 'payment' });
    expect(await becomes(w, event, 'DEAD')).toMatchObject({ error: 'no\uFFFD \uFFFD' });
  });

  it('writes one result for what stays parked however often it is tried', async () => {
    const w = await at.running({ retry: { ladderMs: [5], jitter: 0 } });
    w.target.fault({ do: 'not-sent' }, undefined, 100);
    const event = await w.send({ key: 'hourly' });
    await becomes(w, event, 'PARKED');
    const tries = async (): Promise<number> => (await attemptsOf(w, event)).length;
    const before = await tries();
    for (const more of [1, 2]) {
      await w.database.query(`update delivery set next_attempt_at = clock_timestamp() where event_id = $1`, [event]);
      await w.database.query(`update lane set due_at = clock_timestamp() where connection = $1`, [w.connection.name]);
      await until(
        'it was tried once more',
        async () => (await tries()) >= before + more && (await w.status(event)) === 'PARKED',
      );
    }
    const results = await w.database.query(`select headers from outbox where key = 't:e:hourly'`);
    expect(results).toMatchObject([{ headers: { ce_type: 'sync.result.parked' } }]);
    w.target.heal();
    w.target.fault({ do: 'answer', result: { outcome: 'rejected', errorClass: 'VALUE', message: 'no' } });
    await w.database.query(`update delivery set next_attempt_at = clock_timestamp() where event_id = $1`, [event]);
    await w.database.query(`update lane set due_at = clock_timestamp() where connection = $1`, [w.connection.name]);
    await becomes(w, event, 'DEAD');
    expect(await w.database.query(`select 1 from outbox where key = 't:e:hourly'`)).toHaveLength(2);
  });
});
