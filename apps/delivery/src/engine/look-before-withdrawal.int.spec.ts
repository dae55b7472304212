import { afterEach, describe, expect, it } from '@jest/globals';
import { fixture } from '../../test/fixture.ts';
import { becomes, until, type World } from '../../test/harness.ts';
import { order } from '../../test/order.ts';

const at = fixture();
let orders: Awaited<ReturnType<typeof order>> | undefined;
afterEach(() => orders?.stop());

const HOUR = 3_600_000;
const open = { open: true, stoppedMs: HOUR, lostMs: HOUR };
const KEY = 't:e:r1';
const withdraw = (w: World, document = 'salesOrder'): Promise<string> =>
  w.send({ document, version: 2, kind: 'withdraw' });

describe('a withdrawal after a restore, of what the database does not know to be delivered', () => {
  it('cancels what a look finds at the target, and supersedes the version that put it there', async () => {
    const w = await at.world();
    w.target.put('salesOrder', KEY, 'T7');
    const first = await w.send({ document: 'salesOrder', version: 1 }); // the log held both, and delivery takes the newest
    const gone = await withdraw(w);
    await at.run(w, { restore: open });
    expect(await becomes(w, gone, 'DELIVERED')).toMatchObject({ attempts: 1 });
    await becomes(w, first, 'RESOLVED_SUPERSEDED');
    expect(w.target.requests.map(({ operation, targetId }) => [operation, targetId])).toEqual([['cancel', 'T7']]);
    expect(w.target.records('salesOrder', KEY)).toMatchObject([{ id: 'T7', cancelled: true }]);
  });

  it('is ignored when the target does not have it, and without a look when there was no restore', async () => {
    const w = await at.world();
    const gone = await withdraw(w);
    await at.run(w, { restore: open });
    await becomes(w, gone, 'IGNORED');
    expect(w.target.looks).toHaveLength(1);
    const other = await at.running();
    await becomes(other, await withdraw(other), 'IGNORED');
    expect(other.target.looks).toHaveLength(0);
  });

  it('does not take a failed look for absence', async () => {
    const w = await at.world({ retry: { ladderMs: [20, 20, 20, 20, 20, 20, 20, 20, 20, 20], jitter: 0 } });
    w.target.put('salesOrder', KEY, 'T7');
    w.target.findAnswer = { found: 'failed', message: '502', evidence: 'GET' };
    const gone = await withdraw(w);
    await at.run(w, { restore: open });
    await until('two looks', () => w.target.looks.length >= 2);
    w.target.findAnswer = undefined;
    await becomes(w, gone, 'DELIVERED');
  });

  it('looks once more when what was sent before the restore can no longer take effect', async () => {
    const w = await at.world();
    const stopped = performance.now();
    const restore = {
      ...open,
      get stoppedMs() {
        return performance.now() - stopped;
      },
    };
    w.target.documents.set('salesOrder', { ...w.target.documents.get('salesOrder')!, settleMs: 1_500 });
    const gone = await withdraw(w);
    await at.run(w, { restore });
    await becomes(w, gone, 'RETRY_WAIT');
    w.target.put('salesOrder', KEY, 'T7');
    await becomes(w, gone, 'DELIVERED');
    expect(w.target.records('salesOrder', KEY)).toMatchObject([{ cancelled: true }]);
  });

  it('waits for a person where the target has several', async () => {
    const w = await at.world();
    w.target.findAnswer = { found: 'many', count: 2, evidence: 'GET' };
    const gone = await withdraw(w);
    await at.run(w, { restore: open });
    expect(await becomes(w, gone, 'PARKED')).toMatchObject({ error_class: 'DUPLICATE' });
  });

  it('waits for a person where a second cancel would not be safe, and then cancels what was found', async () => {
    const w = await at.world();
    const declaration = w.target.documents.get('salesOrder')!;
    w.target.documents.set('salesOrder', {
      ...declaration,
      repeatIsSafe: { ...declaration.repeatIsSafe, cancel: 'never' },
    });
    w.target.put('salesOrder', KEY, 'T7');
    const gone = await withdraw(w);
    await at.run(w, { restore: open });
    await becomes(w, gone, 'HELD_REVIEW');
    expect(w.target.requests).toHaveLength(0);
    orders = await order(w);
    expect(await orders.on(gone, 'retry')).toMatchObject({ status: 'done' });
    await becomes(w, gone, 'DELIVERED');
    expect(w.target.records('salesOrder', KEY)).toMatchObject([{ id: 'T7', cancelled: true }]);
  });

  it('waits for a person where the target cannot be asked, and is ignored on the word of that person', async () => {
    const w = await at.world();
    const gone = await withdraw(w, 'task');
    await at.run(w, { restore: open });
    await becomes(w, gone, 'HELD_REVIEW');
    orders = await order(w);
    expect(await orders.on(gone, 'retry')).toMatchObject({ status: 'done' });
    await becomes(w, gone, 'IGNORED');
  });
});
