import { describe, expect, it } from '@jest/globals';
import { attemptsOf, fixture } from '../test/fixture.ts';
import { becomes, until, type World } from '../test/harness.ts';
import { order } from '../test/order.ts';

const at = fixture();

const entry = (amount: string): unknown => ({
  date: '2026-11-02',
  lines: [
    { account: '1400', debit: amount },
    { account: '8400', credit: amount },
  ],
});
const invoice = (w: World, version: number, amount: string, more = {}): Promise<string> =>
  w.send({ document: 'invoice', version, body: entry(amount), ...more });
const withdraw = (w: World, version: number, document = 'invoice'): Promise<string> =>
  w.send({ document, version, kind: 'withdraw' });
const did = (w: World): string[] => w.target.applied.map(({ operation, requestKey }) => `${operation} ${requestKey}`);
const idOf = async (w: World, event: string): Promise<string> => String((await w.row(event))['document_id']);

describe('a fact whose newer versions take the older posting back', () => {
  it('reverses the bytes that were posted and posts the new ones, as two steps of one delivery', async () => {
    const w = await at.running();
    const first = await invoice(w, 1, '10.50');
    await becomes(w, first, 'DELIVERED');
    const second = await invoice(w, 2, '12.00');
    await becomes(w, second, 'DELIVERED');
    const [one, two] = [await idOf(w, first), await idOf(w, second)];
    expect(did(w)).toEqual([`create ${one}`, `reverse ${two}:reversal`, `create ${two}`]);
    expect(JSON.parse(w.target.applied[1]!.body!)).toEqual({
      date: '2026-11-02',
      lines: [
        { account: '1400', credit: '10.50' },
        { account: '8400', debit: '10.50' },
      ],
    });
    const sent = (await attemptsOf(w, second)).filter((attempt) => attempt['outcome'] !== 'not-sent');
    expect(sent.map((attempt) => attempt['operation'])).toEqual(['reverse', 'create']);
    expect(await w.status(first)).toBe('DELIVERED');

    await becomes(w, await invoice(w, 3, '12.00'), 'SKIPPED_NOCHANGE');
    const third = await invoice(w, 4, '13.00');
    await becomes(w, third, 'DELIVERED');
    expect(w.target.applied[3]!.body).toContain('"credit":"12.00"');
    const ledger = await w.database.query(
      'select operation from applied where connection = $1 order by aggregate_version, applied_at, operation desc',
      [w.connection.name],
    );
    expect(ledger.map((row) => row['operation'])).toEqual(['create', 'reverse', 'create', 'reverse', 'create']);
  });

  it('takes a withdrawn one back and nothing more, drops what is older, posts what is wanted again', async () => {
    const w = await at.running();
    const first = await invoice(w, 3, '10');
    await becomes(w, first, 'DELIVERED');
    await becomes(w, await invoice(w, 2, '9'), 'SKIPPED_STALE');
    const gone = await withdraw(w, 4);
    await becomes(w, gone, 'DELIVERED');
    await becomes(w, await withdraw(w, 5), 'IGNORED');
    await becomes(w, await invoice(w, 6, '10'), 'DELIVERED');
    expect(did(w).map((each) => each.split(' ')[0])).toEqual(['create', 'reverse', 'create']);
    expect(did(w)[1]).toBe(`reverse ${await idOf(w, gone)}:reversal`);
    const older = await w.send({ document: 'invoice', version: 7, sourceVersion: 9, body: entry('11') });
    await becomes(w, older, 'DELIVERED');
    await becomes(
      w,
      await w.send({ document: 'invoice', version: 8, sourceVersion: 4, body: entry('1') }),
      'SKIPPED_STALE',
    );
  });

  it('ignores a withdrawal of what was never posted', async () => {
    const w = await at.running();
    await becomes(w, await withdraw(w, 1), 'IGNORED');
    expect(w.target.requests).toHaveLength(0);
  });

  it.each(['invoice', 'receipt'])('reverses once when the answer to the reversal is lost: %s', async (document) => {
    const w = await at.running();
    await becomes(w, await w.send({ document, version: 1, body: entry('10') }), 'DELIVERED');
    w.target.fault({ do: 'apply-and-hang' }, ({ operation }) => operation === 'reverse');
    await becomes(w, await w.send({ document, version: 2, body: entry('11') }), 'DELIVERED');
    expect(did(w).map((each) => each.split(' ')[0])).toEqual(['create', 'reverse', 'create']);
  });

  it('does not reverse again when its own posting is refused, in whatever revision', async () => {
    const w = await at.running();
    await becomes(w, await invoice(w, 1, '10'), 'DELIVERED');
    const refused = { outcome: 'rejected', errorClass: 'CLOSED_PERIOD', message: 'closed' } as const;
    w.target.fault({ do: 'answer', result: refused }, ({ operation }) => operation === 'create');
    const second = await invoice(w, 2, '11');
    await becomes(w, second, 'DEAD');
    const orders = await order(w);
    try {
      const cancelled = await orders.on(second, 'cancel');
      expect(cancelled).toMatchObject({ status: 'refused' });
      expect(cancelled.result['reason']).toContain('reversed already');
      expect((await orders.on(second, 'retry')).status).toBe('done');
      await becomes(w, second, 'DELIVERED');
    } finally {
      await orders.stop();
    }
    expect(did(w).map((each) => each.split(' ')[0])).toEqual(['create', 'reverse', 'create']);
    expect((await w.row(second))['reversed']).toBe(false);
  });

  it('holds for a person what cannot be reversed: posted by hand, or without a line to exchange', async () => {
    const w = await at.running();
    await becomes(w, await w.send({ document: 'invoice', version: 1, body: { lines: [{ text: 'x' }] } }), 'DELIVERED');
    const second = await invoice(w, 2, '11');
    await becomes(w, second, 'HELD_REVIEW');
    expect((await w.row(second))['review']).toContain('nothing would be reversed');
    const orders = await order(w);
    try {
      expect((await orders.on(second, 'resolve', { as: 'applied', targetId: 'T9' })).status).toBe('done');
      const third = await invoice(w, 3, '12');
      await becomes(w, third, 'HELD_REVIEW');
      expect((await w.row(third))['review']).toContain('by hand');
    } finally {
      await orders.stop();
    }
    expect(w.target.applied).toHaveLength(1);
  });

  it('reverses what stands and not what is taken back already, where no answer says an id', async () => {
    const w = await at.running();
    const declaration = w.target.documents.get('receipt')!;
    w.target.documents.set('receipt', {
      ...declaration,
      operations: new Set(['write', 'reverse']),
      repeatIsSafe: { write: 'by-idempotency-key', reverse: 'by-idempotency-key' },
    });
    const nothingSaid = { do: 'answer', result: { outcome: 'done', httpStatus: 204 } } as const;
    w.target.fault(nothingSaid, ({ operation }) => operation === 'write', 99);
    for (const version of [1, 2, 3]) {
      w.target.findAnswer = { found: 'one', targetId: `P${version}`, requestKeyMatches: true, evidence: 'GET' };
      await becomes(w, await w.send({ document: 'receipt', version, body: entry(`${version}`) }), 'DELIVERED');
    }
    const sent = w.target.requests.map(({ operation, targetId }) => [operation, targetId ?? null]);
    expect(sent.filter(([operation]) => operation === 'reverse')).toEqual([
      ['reverse', 'P1'],
      ['reverse', 'P2'],
    ]);
  });

  it('asks for the id of what a person posted, where its reversal has to name it', async () => {
    const w = await at.running();
    const orders = await order(w);
    const receipt = (version: number): Promise<string> =>
      w.send({ document: 'receipt', version, body: entry(`${version}`) });
    await becomes(w, await receipt(1), 'DELIVERED');
    const refusal = { outcome: 'rejected', errorClass: 'VALUE', message: 'no', httpStatus: 422 } as const;
    w.target.fault({ do: 'answer', result: refusal }, ({ operation }) => operation === 'create');
    const second = await receipt(2);
    await becomes(w, second, 'DEAD');
    expect(await orders.on(second, 'resolve', { as: 'applied' })).toMatchObject({
      status: 'refused',
      result: { reason: expect.stringContaining('targetId') },
    });
    expect(await orders.on(second, 'resolve', { as: 'applied', targetId: 'BYHAND' })).toMatchObject({ status: 'done' });
    await becomes(w, await receipt(3), 'DELIVERED');
    const reversed = w.target.requests.filter(({ operation }) => operation === 'reverse');
    expect(reversed.map(({ targetId }) => targetId)).toEqual(['T1', 'BYHAND']);
    await orders.stop();
  });

  it('builds no reversal from bytes that were refused, where a person posted others in their place', async () => {
    const w = await at.running();
    const refused = { outcome: 'rejected', errorClass: 'VALUE', message: 'no such account' } as const;
    w.target.fault({ do: 'answer', result: refused });
    const first = await invoice(w, 1, '10');
    await becomes(w, first, 'DEAD');
    const orders = await order(w);
    try {
      expect((await orders.on(first, 'resolve', { as: 'applied', targetId: 'T9' })).status).toBe('done');
      const second = await invoice(w, 2, '11');
      await becomes(w, second, 'HELD_REVIEW');
      expect((await w.row(second))['review']).toContain('by hand');
    } finally {
      await orders.stop();
    }
    expect(did(w)).toEqual([]);
  });

  it.each(['a look', 'the target', 'a person'])('reverses what %s said to be posted', async (who) => {
    const w = await at.running();
    const declared = w.target.documents.get('invoice')!;
    const create = who === 'a look' ? 'look-first' : who === 'a person' ? 'never' : 'by-idempotency-key';
    w.target.documents.set('invoice', { ...declared, repeatIsSafe: { ...declared.repeatIsSafe, create } });
    w.target.findAnswer = { found: 'one', targetId: 'T1', requestKeyMatches: true, evidence: 'GET' };
    if (who === 'the target')
      w.target.fault({ do: 'answer', result: { outcome: 'duplicate', message: 'exists', httpStatus: 409 } });
    else w.target.fault({ do: 'apply-and-hang' });
    const first = await invoice(w, 1, '10');
    if (who === 'a person') {
      await becomes(w, first, 'PARKED');
      const orders = await order(w);
      expect((await orders.on(first, 'resolve', { as: 'applied', targetId: 'T1' })).status).toBe('done');
      await orders.stop();
    } else await becomes(w, first, 'DELIVERED');
    await becomes(w, await invoice(w, 2, '11'), 'DELIVERED');
    const [reversal] = w.target.applied.filter(({ operation }) => operation === 'reverse');
    expect(JSON.parse(reversal!.body!)).toMatchObject({ lines: [{ credit: '10' }, { debit: '10' }] });
  });

  it('takes the word of a person for a reversal in doubt, and goes on with the posting', async () => {
    const w = await at.running({ retry: { ladderMs: [5], jitter: 0 } });
    await becomes(w, await invoice(w, 1, '10'), 'DELIVERED');
    w.target.fault({ do: 'hang' }, ({ operation }) => operation === 'reverse', 9);
    const second = await invoice(w, 2, '11');
    await becomes(w, second, 'PARKED');
    w.target.heal();
    const orders = await order(w);
    try {
      expect((await orders.on(second, 'resolve', { as: 'applied' })).result).toMatchObject({ status: 'PENDING' });
    } finally {
      await orders.stop();
    }
    await becomes(w, second, 'DELIVERED');
    expect(did(w).map((each) => each.split(' ')[0])).toEqual(['create', 'create']);
  });

  it('goes on with the second step after the process died between the two', async () => {
    const w = await at.world();
    await at.run(w);
    await becomes(w, await invoice(w, 1, '10'), 'DELIVERED');
    w.target.fault({ do: 'apply-and-hang' }, ({ operation }) => operation === 'reverse');
    const second = await invoice(w, 2, '11');
    await until('the reversal is out', () => w.target.applied.length === 2);
    await at.run(w);
    await becomes(w, second, 'DELIVERED');
    expect(did(w).map((each) => each.split(' ')[0])).toEqual(['create', 'reverse', 'create']);
  });
});
