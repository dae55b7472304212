import { describe, expect, it } from '@jest/globals';
import { fixture } from '../test/fixture.ts';
import { becomes, until, type World } from '../test/harness.ts';
import { order } from '../test/order.ts';

const at = fixture();
const CLOSED = { outcome: 'retry', errorClass: 'CLOSED_PERIOD', message: 'the period is closed' } as const;
const close = (w: World, times: number): void => w.target.fault({ do: 'answer', result: CLOSED }, undefined, times);

describe('a document whose accounting period is closed', () => {
  it('is held with its class, climbs no ladder, and goes out by itself when the period is open', async () => {
    const w = await at.running({ retry: { ladderMs: [20, 20], jitter: 0 } });
    close(w, 6); // three times as often as the ladder has rungs
    const event = await w.send({ document: 'payment' });
    const held = await becomes(w, event, 'HELD_PERIOD');
    expect(held).toMatchObject({ error_class: 'CLOSED_PERIOD', error: 'the period is closed', step: 0 });
    expect(await becomes(w, event, 'DELIVERED')).toMatchObject({ attempts: 7, error_class: null });
    expect(w.target.applied).toHaveLength(1);
  });

  it('lets later facts of its record wait behind it, in order, and nobody else', async () => {
    const w = await at.running({ retry: { ladderMs: [3_600_000], jitter: 0 } });
    close(w, 1);
    const first = await w.send({ document: 'payment', version: 1 });
    await becomes(w, first, 'HELD_PERIOD');
    const second = await w.send({ document: 'payment', version: 2 });
    await becomes(w, await w.send({ document: 'payment', key: 'other' }), 'DELIVERED');
    expect(await w.status(second)).toBe('PENDING');
    const orders = await order(w);
    try {
      expect((await orders.on(first, 'retry')).status).toBe('done'); // somebody opened it and does not wait for the hour
      await becomes(w, second, 'DELIVERED');
    } finally {
      await orders.stop();
    }
    expect(await w.status(first)).toBe('DELIVERED');
    expect(w.target.applied.map(({ key }) => key)).toEqual(['t:e:other', 't:e:r1', 't:e:r1']);
  });

  it('gives way to a newer state of its record, which gets its attempt at once', async () => {
    const w = await at.running({ retry: { ladderMs: [3_600_000], jitter: 0 } });
    close(w, 1);
    const first = await w.send({ version: 1 });
    await becomes(w, first, 'HELD_PERIOD');
    await becomes(w, await w.send({ version: 2 }), 'DELIVERED');
    await becomes(w, first, 'RESOLVED_SUPERSEDED');
  });

  it('stays in doubt when an earlier request of it may have been booked: closed now says nothing of then', async () => {
    const w = await at.running({ retry: { ladderMs: [20], jitter: 0 } });
    w.target.fault({ do: 'apply-and-hang' });
    close(w, 5);
    const event = await w.send({ document: 'journalEntry' });
    await becomes(w, event, 'PARKED');
    expect(await w.row(event)).toMatchObject({ error_class: 'UNKNOWN_OUTCOME' });
    await until('nothing more is sent', () => w.target.applied.length === 1);
  });
});
