import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { clonedDatabase, TcpProxy, type ClonedDatabase } from '#testing';
import { captureApp, counts, eventually, type Answered, type CaptureApp } from './testing/capture-app.ts';

/** PostgreSQL's simple query `commit`, as it stands on the wire. */
const COMMIT = Buffer.from('Q\0\0\0\x0bcommit\0', 'latin1');
/** And its answer: what was queued before it is answered first. */
const COMMITTED = Buffer.from('COMMIT\0');

let clone: ClonedDatabase;
let proxy: TcpProxy;
let app: CaptureApp;
beforeAll(async () => {
  clone = await clonedDatabase();
  const way = await TcpProxy.before(clone.url);
  proxy = way.proxy;
  app = await captureApp(way.url);
});
afterEach(() => proxy.heal());
afterAll(async () => {
  await app?.close();
  await proxy?.close();
  await clone?.close();
});

const customer = (id: string) => ({
  type: 'customer.updated',
  data: { id, name: 'A', kind: 'COMPANY', status: 'ACTIVE' },
});

function expectComeBack(answer: Answered): void {
  expect({ status: answer.status, code: answer.body.code }).toEqual({
    status: 503,
    code: 'CROSSDOCK_CAPTURE_UNAVAILABLE',
  });
  expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
}

async function rowsOf(id: string): Promise<{ status: string; receipt_id: string }[]> {
  return clone.database.query('select status, receipt_id from captured where source_event_id = $1', [id]);
}

/** The next commit of the connection that takes this event in; the normaliser commits too, on others. */
const commitOf = (id: string) => ({ after: Buffer.from(id), sees: COMMIT, answer: COMMITTED });

describe('when the database does not answer', () => {
  it('the connection breaks before COMMIT: 503, nothing is there, and the repeat is taken', async () => {
    proxy.next = { ...commitOf('lost-before'), lose: 'request' };
    expectComeBack(await app.send(customer('a'), { id: 'lost-before' }));
    expect(await rowsOf('lost-before')).toEqual([]);
    expect((await app.send(customer('a'), { id: 'lost-before' })).status).toBe(202);
  });

  it('the answer to COMMIT is lost: what was kept is looked up on another connection, and 202 says so', async () => {
    proxy.next = { ...commitOf('lost-after'), lose: 'answer' };
    const answer = await app.send(customer('b'), { id: 'lost-after' });
    expect(answer.status).toBe(202);
    expect(await rowsOf('lost-after')).toMatchObject([{ receipt_id: answer.body.receiptId }]);
    expect((await app.send(customer('b'), { id: 'lost-after' })).status).toBe(200);
  });

  it('the answer to COMMIT is lost and nobody can be asked: 503, and the repeat is answered 200 with its receipt', async () => {
    proxy.next = { ...commitOf('lost-doubt'), lose: 'answer', away: true };
    expectComeBack(await app.send(customer('c'), { id: 'lost-doubt' }));
    const [row] = await rowsOf('lost-doubt');
    proxy.heal();
    const again = await app.send(customer('c'), { id: 'lost-doubt' });
    expect({ status: again.status, receiptId: again.body.receiptId }).toEqual({
      status: 200,
      receiptId: row!.receipt_id,
    });
    await eventually(
      () => rowsOf('lost-doubt'),
      ([kept]) => kept?.status === 'published',
    );
  });

  it('it is away: 503 to all, no work for a bad signature, and after it heals everything goes on by itself', async () => {
    await app.send(customer('d'), { id: 'waits' });
    proxy.down = true;
    proxy.reset();
    for (const id of ['d1', 'd2', 'd3']) expectComeBack(await app.send(customer('d'), { id }));
    expect((await app.send('{"broken', { id: 'bad' })).status).toBe(400);
    expect((await app.post('acme-crm', '{}', { 'content-type': 'application/json' })).status).toBe(401);
    expect((await fetch(`${app.metricsUrl}/readyz`)).status).toBe(503);
    expect((await fetch(`${app.metricsUrl}/livez`)).status).toBe(200);
    proxy.heal();
    for (const id of ['d1', 'd2', 'd3']) expect((await app.send(customer('d'), { id })).status).toBe(202);
    const { captured } = await counts(clone.database);
    await eventually(
      () => counts(clone.database),
      ({ outbox }) => outbox === captured,
    );
  });

  it('it hangs: 503 within seconds, and no connection is held for ever', async () => {
    proxy.toServer = { swallow: true };
    proxy.toClient = { swallow: true };
    const started = performance.now();
    const answers = await Promise.all(
      Array.from({ length: 30 }, (_, at) => app.send(customer('e'), { id: `hang-${at}` })),
    );
    expect(performance.now() - started).toBeLessThan(8_000);
    answers.forEach(expectComeBack);
    proxy.heal();
    await eventually(
      () => app.send(customer('e'), { id: 'after-hang' }),
      ({ status }) => status === 200 || status === 202,
    );
  }, 60_000);
});
