import { describe, expect, it } from '@jest/globals';
import { drawVersion } from '#outbox';
import { fixture } from '../test/fixture.ts';
import { becomes, until, type World } from '../test/harness.ts';
import { order } from '../test/order.ts';

const RESULT = { eventType: 'sync.result.delivered', eventTopic: 'sync.result.v1' } as const;

describe('a write-back', () => {
  const at = fixture();
  const hopsOfNext = async (w: World, recordId: string): Promise<number> =>
    (await w.database.transaction((tx) => drawVersion(tx, `t:e:${recordId}`))).hopCount;
  const resultsOf = (w: World, recordId: string): Promise<{ headers: Record<string, string> }[]> =>
    w.database.query(`select headers from outbox where topic = 'sync.result.v1' and key = $1 order by id`, [
      `t:e:${recordId}`,
    ]);

  it('gives no result, and its hop count plus one to every event of the record that comes after it', async () => {
    const w = await at.running();
    expect(await hopsOfNext(w, 'wb-1')).toBe(0);
    const sent = await w.send({ key: 'wb-1', headers: { ...RESULT, hopCount: 1 } });
    await becomes(w, sent, 'DELIVERED');
    expect(await resultsOf(w, 'wb-1')).toEqual([]);
    expect([await hopsOfNext(w, 'wb-1'), await hopsOfNext(w, 'wb-1')]).toEqual([2, 2]);
    expect(await hopsOfNext(w, 'wb-other')).toBe(0);
  });

  it('counts from the moment its attempt is written, for its echo may be here before its answer', async () => {
    const w = await at.running();
    let answer = (): void => {};
    w.target.fault({ do: 'wait', until: new Promise((resolve) => (answer = resolve)) });
    const sent = await w.send({ key: 'wb-2', headers: RESULT });
    await until('the request is at the target', () => w.target.requests.length === 1);
    expect(await hopsOfNext(w, 'wb-2')).toBe(1);
    answer();
    await becomes(w, sent, 'DELIVERED');
  });

  it('is over when its echo has come and no flow made anything of it', async () => {
    const w = await at.running();
    const body = { x: 1 };
    await becomes(w, await w.send({ key: 'wb-3', version: 1, body }), 'DELIVERED');
    await becomes(w, await w.send({ key: 'wb-3', document: 'task', headers: RESULT }), 'DELIVERED');
    const echo = { version: 2, body, headers: { hopCount: 1, fanOut: 2 } };
    const event = await w.send({ ...echo, key: 'wb-3' });
    await becomes(w, event, 'SKIPPED_NOCHANGE');
    expect(await hopsOfNext(w, 'wb-3')).toBe(1); // the other flow has not spoken yet
    const other = { version: 2, kind: 'ignored', document: 'salesOrder', headers: { hopCount: 1, fanOut: 2 } } as const;
    await w.send({ ...other, key: 'wb-3', event, flow: 'another' });
    await until('the write is forgotten', async () => (await hopsOfNext(w, 'wb-3')) === 0);
  });

  it('is over when the next write-back has nothing new to tell, and not when one is ignored', async () => {
    const w = await at.running();
    const back = { key: 'wb-7', document: 'task', body: { x: 1 } };
    await becomes(w, await w.send({ ...back, version: 1, headers: RESULT }), 'DELIVERED');
    const ignored = { ...back, version: 2, kind: 'ignored', headers: { ...RESULT, hopCount: 1 } } as const;
    await becomes(w, await w.send(ignored), 'IGNORED');
    expect(await hopsOfNext(w, 'wb-7')).toBe(1);
    await becomes(w, await w.send({ ...back, version: 3, headers: { ...RESULT, hopCount: 1 } }), 'SKIPPED_NOCHANGE');
    expect(await hopsOfNext(w, 'wb-7')).toBe(0);
  });

  it('goes on counting where the echo came to a change', async () => {
    const w = await at.running();
    await becomes(w, await w.send({ key: 'wb-4', document: 'task', headers: RESULT }), 'DELIVERED');
    await becomes(w, await w.send({ key: 'wb-4', version: 2, headers: { hopCount: 1 } }), 'DELIVERED');
    expect(await hopsOfNext(w, 'wb-4')).toBe(1);
    const [result] = await resultsOf(w, 'wb-4');
    expect(result!.headers).toMatchObject({
      ce_hopcount: '1',
      ce_flow: `${w.connection.name}-customer`,
      ce_source: 's',
    });
  });

  it('that went around four times and changes nothing is over like any other', async () => {
    const w = await at.running();
    await becomes(w, await w.send({ key: 'wb-6', version: 1, body: { x: 1 } }), 'DELIVERED');
    const echo = await w.send({ key: 'wb-6', version: 2, body: { x: 1 }, headers: { hopCount: 4 } });
    await becomes(w, echo, 'SKIPPED_NOCHANGE');
  });

  it('that went around four times is held for a person, with the reason, and goes on when told to', async () => {
    const w = await at.running();
    const event = await w.send({ key: 'wb-5', headers: { hopCount: 4 } });
    await becomes(w, event, 'HELD_REVIEW');
    expect((await w.row(event))['review']).toContain('went around 4 times between our own writes and the source');
    expect(w.target.requests).toEqual([]);
    expect(await resultsOf(w, 'wb-5')).toEqual([]);
    const orders = await order(w);
    expect(await orders.on(event, 'retry')).toMatchObject({ status: 'done' });
    await becomes(w, event, 'DELIVERED');
    await orders.stop();
  });
});
