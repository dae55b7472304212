import { randomUUID } from 'node:crypto';
import { afterEach, describe, expect, it } from '@jest/globals';
import { fixture } from '../../test/fixture.ts';
import { becomes, recordOf, rests, type World } from '../../test/harness.ts';
import { order } from '../../test/order.ts';

const at = fixture();
let orders: Awaited<ReturnType<typeof order>> | undefined;
afterEach(() => orders?.stop());

/** A version that the backup has unsent, as `crossdock restore accept` marks what can be neither repeated nor looked up. */
async function held(w: World): Promise<string> {
  const event = await w.send({ document: 'task', version: 1 });
  await w.database.query(
    `update delivery set status = 'HELD_REVIEW', error_class = 'UNKNOWN_OUTCOME', review = 'may be at the target' where event_id = $1`,
    [event],
  );
  return event;
}

describe('a state that may be at the target since before a restore', () => {
  it('lets no newer version of its record go before a person has looked: that would be a second one', async () => {
    const w = await at.world();
    const first = await held(w);
    const second = await w.send({ document: 'task', version: 2 });
    await at.run(w);
    await rests(w);
    expect(await w.status(second)).toBe('PENDING');
    orders = await order(w);
    w.target.put('task', 't:e:r1', 'T7');
    expect(await orders.on(first, 'resolve', { as: 'applied', targetId: 'T7' })).toMatchObject({ status: 'done' });
    await becomes(w, second, 'DELIVERED');
    expect(w.target.applied.map(({ operation, body }) => [operation, body])).toEqual([['update', '{"a":2}']]);
  });

  it('is not sent by a replay of many, only on the word of whoever looked', async () => {
    const w = await at.world();
    const first = await held(w);
    const replay = randomUUID();
    await w.database.query(
      'insert into replay (event_id, replay_of, command_id, resend) values ($1, $2, gen_random_uuid(), false)',
      [replay, first],
    );
    const { headers, ...record } = recordOf(w.connection.name, first, { document: 'task', body: { a: 9 } }, 9n);
    await w.intake.take([{ ...record, headers: { ...headers, cd_eventId: replay, cd_replayOf: first } }]);
    const [met] = await w.database.query('select outcome, note from replay_outcome where event_id = $1', [replay]);
    expect(met).toMatchObject({ outcome: 'nothing', note: expect.stringMatching(/may be at the target/) });
    expect(await w.status(first)).toBe('HELD_REVIEW');
  });

  it('is neither corrected nor cancelled before somebody has said what became of it: what goes out next would be a second one', async () => {
    const w = await at.world();
    const first = await held(w);
    const second = await w.send({ document: 'task', version: 2 });
    await at.run(w);
    orders = await order(w);
    const refused = { status: 'refused', result: { reason: expect.stringMatching(/may be at the target.*resolve/) } };
    expect(await orders.on(first, 'edit', { body: '{"a":5}' })).toMatchObject(refused);
    expect(await orders.on(first, 'cancel')).toMatchObject(refused);
    await rests(w);
    expect(await w.status(first)).toBe('HELD_REVIEW');
    expect(await w.status(second)).toBe('PENDING');
    expect(w.target.applied).toEqual([]);
  });

  it.each<[string, Record<string, unknown>]>([
    ['retry', {}],
    ['resolve', { as: 'not-applied' }],
  ])('is sent as its newest version when the person says by %s that it is not there', async (kind, more) => {
    const w = await at.world();
    const first = await held(w);
    const second = await w.send({ document: 'task', version: 2 });
    await at.run(w);
    await rests(w);
    orders = await order(w);
    expect(await orders.on(first, kind, more)).toMatchObject({ status: 'done' });
    await becomes(w, second, 'DELIVERED');
    await becomes(w, first, 'RESOLVED_SUPERSEDED');
    expect(w.target.applied.map(({ operation, body }) => [operation, body])).toEqual([['create', '{"a":2}']]);
  });
});
