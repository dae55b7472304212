import { describe, expect, it } from '@jest/globals';
import { attemptsOf, fixture } from '../test/fixture.ts';
import { becomes, until, type World } from '../test/harness.ts';

describe('doubt', () => {
  const at = fixture();

  it('finds a create that took effect and was never answered, and does not send it again', async () => {
    const w = await at.running();
    w.target.fault({ do: 'apply-and-hang' });
    const event = await w.send({ document: 'salesOrder' });
    expect(await becomes(w, event, 'DELIVERED')).toMatchObject({ target_id: 'T1', attempts: 1 });
    expect(w.target.requests).toHaveLength(1);
    expect(w.target.records('salesOrder', 't:e:r1')).toHaveLength(1);
    const [attempt] = await attemptsOf(w, event);
    expect(attempt).toMatchObject({ outcome: 'in-doubt', doubt: 'happened' });
    expect(attempt!['evidence']).toMatchObject([{ found: 'one' }]);
  });

  it('sends a create again only after the settle time and a second empty look', async () => {
    const w = await at.running();
    w.target.fault({ do: 'hang' });
    const event = await w.send({ document: 'salesOrder' });
    await becomes(w, event, 'DELIVERED');
    expect(w.target.requests).toHaveLength(2);
    expect(w.target.looks.length).toBeGreaterThanOrEqual(2);
    const [first, second] = await attemptsOf(w, event);
    expect(first).toMatchObject({ doubt: 'absent' });
    expect(second!['body']).toBe(first!['body']);
    expect(second!['request_key']).toBe(first!['request_key']);
    const waited = (second!['started_at'] as Date).getTime() - (first!['gave_up_at'] as Date).getTime();
    expect(waited).toBeGreaterThanOrEqual(150);
  });

  it('makes one effect of a create that lands late within the settle time', async () => {
    const w = await at.running();
    w.target.fault({ do: 'apply-late', afterMs: 250 });
    const event = await w.send({ document: 'salesOrder' });
    await becomes(w, event, 'DELIVERED');
    expect(w.target.records('salesOrder', 't:e:r1')).toHaveLength(1);
    expect(w.target.requests).toHaveLength(1);
  });

  it('does not take a failed look for absence', async () => {
    const w = await at.running();
    w.target.fault({ do: 'apply-and-hang' });
    w.target.findAnswer = { found: 'failed', message: '502', evidence: 'GET' };
    const event = await w.send({ document: 'salesOrder' });
    await until('two looks', () => w.target.looks.length >= 2);
    expect(await w.status(event)).toBe('UNKNOWN');
    w.target.findAnswer = undefined;
    await becomes(w, event, 'DELIVERED');
    expect(w.target.requests).toHaveLength(1);
  });

  it('parks when a look finds more than one', async () => {
    const w = await at.running();
    w.target.fault({ do: 'apply-and-hang' });
    w.target.findAnswer = { found: 'many', count: 2, evidence: 'GET' };
    const event = await w.send({ document: 'salesOrder' });
    expect(await becomes(w, event, 'PARKED')).toMatchObject({ error_class: 'DUPLICATE' });
  });

  it('repeats a fact with the same key and the same bytes, and posts once', async () => {
    const w = await at.running();
    w.target.fault({ do: 'apply-and-hang' }, undefined, 2);
    const event = await w.send({ document: 'journalEntry' });
    await becomes(w, event, 'DELIVERED');
    expect(w.target.requests).toHaveLength(3);
    expect(new Set(w.target.requests.map(({ requestKey, body }) => `${requestKey} ${body}`)).size).toBe(1);
    expect(w.target.applied).toHaveLength(1);
  });

  it('looks for a request in doubt whose key ended while its repeat stood behind the requests of others', async () => {
    const w = await at.running({ budget: { concurrency: 4, requestsPerMinute: 60 } });
    // the margin is 600 ms: a repeat may begin within 1.6 s of the first request, and is decided on after a second
    w.target.documents.set('journalEntry', { ...w.target.documents.get('journalEntry')!, keyLifetimeMs: 2_200 });
    w.target.fault({ do: 'apply-and-hang' }, ({ document }) => document === 'journalEntry');
    const event = await w.send({ document: 'journalEntry' });
    await until('it is out', () => w.target.requests.length === 1);
    const others = await Promise.all(['a', 'b', 'c'].map((key) => w.send({ key })));
    for (const each of [event, ...others]) await becomes(w, each, 'DELIVERED');
    expect(w.target.requests.filter(({ document }) => document === 'journalEntry')).toHaveLength(1);
    expect(w.target.looks.length).toBeGreaterThan(0);
    const [row] = await attemptsOf(w, event);
    expect(row).toMatchObject({ outcome: 'in-doubt', doubt: 'happened' });
  });

  it('counts a found fact only when it carries our request key', async () => {
    const w = await at.running();
    w.target.fault({ do: 'hang' });
    w.target.findAnswer = { found: 'one', targetId: 'X', requestKeyMatches: false, evidence: 'GET' };
    const event = await w.send({ document: 'payment' });
    await becomes(w, event, 'DELIVERED');
    expect(w.target.requests).toHaveLength(2);
  });

  it('parks what can be neither repeated nor looked up', async () => {
    const w = await at.running();
    w.target.fault({ do: 'apply-and-hang' });
    const event = await w.send({ document: 'task' });
    expect(await becomes(w, event, 'PARKED')).toMatchObject({ error_class: 'UNKNOWN_OUTCOME' });
    expect(w.target.requests).toHaveLength(1);
  });

  it('parks, and never calls dead, a repeat that is refused while the first is in doubt', async () => {
    const w = await at.running();
    w.target.fault({ do: 'apply-and-hang' });
    w.target.fault({
      do: 'answer',
      result: { outcome: 'rejected', errorClass: 'VALUE', message: 'no', httpStatus: 422 },
    });
    const event = await w.send({ document: 'customer' });
    expect(await becomes(w, event, 'PARKED')).toMatchObject({ error_class: 'UNKNOWN_OUTCOME' });
    const newer = await w.send({ document: 'customer', version: 2 });
    await at.run(w);
    expect(await w.status(newer)).toBe('PENDING');
    expect(w.target.requests).toHaveLength(2);
  });

  it('leaves to a person a late answer that names another record', async () => {
    const w = await at.running({ timeoutMs: 10_000 });
    await becomes(w, await w.send({ document: 'salesOrder', version: 1 }), 'DELIVERED');
    const write = w.target.write.bind(w.target);
    let answer = (): void => {};
    const late = new Promise<void>((resolve) => (answer = resolve));
    w.target.write = async (request) => {
      await write(request);
      await late;
      return { outcome: 'done', targetId: 'T99', httpStatus: 200 };
    };
    const event = await w.send({ document: 'salesOrder', version: 2 });
    await until('the update is out', () => w.target.requests.length === 2);
    // as after the end of the lease, and before anybody else has the lane
    await w.database.query(
      'update lane set token = token + 1, holder = null, until = null, due_at = null where connection = $1',
      [w.connection.name],
    );
    answer();
    expect(await over(w, event)).toMatchObject({
      status: 'PARKED',
      error_class: 'CONFLICT',
      error: expect.stringContaining('T99'),
    });
    expect(await w.database.query('select target_id from xref where connection = $1', [w.connection.name])).toEqual([
      { target_id: 'T1' },
    ]);
    expect(w.target.requests).toHaveLength(2);
  });

  const over = (w: World, event: string) =>
    until('it is over', async () => {
      const row = await w.row(event);
      return ['DELIVERED', 'PARKED', 'DEAD'].includes(String(row['status'])) && row;
    });

  it('lets other bytes wait until a request it gave up can no longer land', async () => {
    const w = await at.running();
    w.target.documents.set('customer', { ...w.target.documents.get('customer')!, settleMs: 500 });
    w.target.fault({ do: 'apply-late', afterMs: 400 });
    const first = await w.send({ document: 'customer', version: 1 });
    await becomes(w, first, 'DELIVERED');
    const second = await w.send({ document: 'customer', version: 2 });
    await becomes(w, second, 'DELIVERED');
    expect(w.target.applied.map(({ body }) => body)).toEqual(['{"a":1}', '{"a":1}', '{"a":2}']);
    expect(w.target.records('customer', 't:e:r1')[0]!.body).toBe('{"a":2}');
  });

  it('does not start, skip or supersede anything of a record while a doubt is open', async () => {
    const w = await at.running();
    w.target.fault({ do: 'hang' }, undefined, 1);
    w.target.findAnswer = { found: 'failed', message: 'away', evidence: 'GET' };
    const first = await w.send({ document: 'salesOrder', version: 1 });
    await becomes(w, first, 'UNKNOWN');
    const second = await w.send({ document: 'salesOrder', version: 2 });
    await until('it looked again', () => w.target.looks.length >= 2);
    expect(await w.status(second)).toBe('PENDING');
    w.target.findAnswer = undefined;
    await becomes(w, second, 'DELIVERED');
    expect(await w.status(first)).toBe('DELIVERED');
    expect(w.target.records('salesOrder', 't:e:r1')).toHaveLength(1);
  });
});
