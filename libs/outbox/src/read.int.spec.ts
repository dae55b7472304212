import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Session } from '#db';
import { clonedDatabase, type ClonedDatabase } from '#testing';
import { FEW_ROWS, readOutbox } from './read.ts';

describe('reading the outbox', () => {
  let clone: ClonedDatabase;
  let session: Session;
  beforeAll(async () => {
    clone = await clonedDatabase();
    session = await clone.database.session();
    // 60 rows with holes in their ids; every seventh payload is large, one is absent
    await clone.database.query(
      `insert into outbox (id, event_id, aggregatetype, aggregateid, type, topic, key, headers, payload)
       select n * 3, gen_random_uuid(), 'a', n::text, 't', 'topic', 'k' || n % 5, jsonb_build_object('ce_id', 'ü' || n),
         case when n = 20 then null when n % 7 = 0 then decode(repeat('5a', 3000), 'hex') else decode('00ff', 'hex') end
       from generate_series(1, 60) as n`,
    );
    await clone.database.query("select setval('outbox_id', 200)");
  });
  afterAll(async () => {
    await session.close();
    await clone.close();
  });

  const gaps = [
    { from: 2n, to: 9n, mark: null, proven: false },
    { from: 30n, to: 40n, mark: null, proven: false },
  ] as unknown as Parameters<typeof readOutbox>[1]['gaps'];
  const places = [
    { what: 'from the beginning', from: { high: 0n, gaps: [] } },
    { what: 'above a cursor with gaps', from: { high: 60n, gaps } },
    { what: 'behind the last row', from: { high: 180n, gaps: [] } },
  ];
  const shares = [
    { of: { shard: 0, shards: 1 }, who: 'one relay' },
    { of: { shard: 1, shards: 3 }, who: 'a shard' },
  ];
  const cases = places.flatMap(({ what, from }) => shares.map(({ of, who }) => ({ what, from, of, who })));

  it.each(cases)('gives the same prepared and copied, $what, for $who', async ({ from, of }) => {
    const few = await readOutbox(session, from, { rows: FEW_ROWS, bytes: 1e6 }, of);
    const many = await readOutbox(session, from, { rows: FEW_ROWS + 1, bytes: 1e6 }, of);
    expect(few.drawn).toBe(200n);
    expect(few.rows).toEqual(many.rows);
    expect({ ...few, rows: 0, xmin: 0 }).toEqual({ ...many, rows: 0, xmin: 0 });
  });

  it('stops where the bytes are used up, prepared and copied alike', async () => {
    const from = { high: 0n, gaps: [] };
    const few = await readOutbox(session, from, { rows: FEW_ROWS, bytes: 3_500 });
    const many = await readOutbox(session, from, { rows: FEW_ROWS + 1, bytes: 3_500 });
    expect(few).toMatchObject({ cut: true });
    expect(few.rows.map(({ id }) => id)).toEqual(many.rows.map(({ id }) => id));
    expect(few.rows).toHaveLength(14); // the second large one is the last that begins below the limit
  });
});
