import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { given } from '#testing';
import { runningConsole, type RunningConsole } from '../test/running-console.ts';
import { ROUTES } from './api/reference.ts';
import type { Status } from './status/assemble.ts';

let console: RunningConsole;
beforeAll(async () => {
  console = await runningConsole();
});
afterAll(() => console?.close());

const STRANGE = [
  '%00',
  "'; drop table delivery; --",
  '\u{1F600}',
  '..',
  '%25',
  '-1',
  '1e9',
  '99999999999999999999999',
  'NaN',
  '00000000-0000-0000-0000-000000000000',
  '__proto__',
  '[]',
  '["\\u0000","",""]',
  ' ',
  'x'.repeat(1_500),
];
const FILTERS = ['q', 'recordId', 'key', 'status', 'flow', 'after', 'limit', 'connection', 'targetId', 'number'];

describe('the API', () => {
  it('answers strange words with a problem of theirs, never of ours', async () => {
    const encode = (word: string): string => (word.startsWith('%') ? word : encodeURIComponent(word));
    for (const { method, path, takes } of ROUTES)
      for (const word of STRANGE) {
        const filled = path.replace(/:\w+|\*/g, () => encode(word));
        if (method === 'GET') {
          const filters = takes === '' || path.includes(':') ? [] : FILTERS;
          const asked = [filled, ...filters.map((filter) => `${path}?${filter}=${encode(word)}`)];
          const answers = await Promise.all(asked.map((one) => console.get(one)));
          for (const { status } of answers) expect([path, word, status < 500]).toEqual([path, word, true]);
        } else if (path.includes(':')) {
          const { status } = await console.call(method === 'ALL' ? 'POST' : method, filled, {
            values: { a: word },
            as: word,
          });
          expect([path, word, status < 500 || status === 501]).toEqual([path, word, true]);
        }
      }
  });

  it('refuses bodies that are too large, no JSON or no object', async () => {
    const send = async (body: string): Promise<number> =>
      (
        await fetch(`${console.app.url}/api/v1/xref`, {
          method: 'PUT',
          headers: { 'content-type': 'application/json' },
          body,
        })
      ).status;
    expect(await send(JSON.stringify({ key: 'x'.repeat(300_000) }))).toBe(413);
    for (const body of ['{', '[]', 'null', '"x"', '\u0000', '{"key":1}'])
      expect([body, await send(body)]).toEqual([body, 400]);
  });

  it('shows no difference at any moment while events move from hop to hop', async () => {
    const { database } = console.cloned;
    const total = 120;
    const move = async (n: number): Promise<void> => {
      const captured = await given.captured(database, { recordId: `acme-${n}`, status: 'waiting' });
      const event = await database.transaction(async (tx) => {
        await tx.query(`update captured set status = 'published' where id = $1`, [captured.capturedId]);
        const made = { source: 'acme-crm', recordId: `acme-${n}`, eventId: captured.eventId, published: false };
        return given.event(tx, made);
      });
      await database.query('update relay_cursor set high = greatest(high, $1)', [event.outboxId]);
      for (const [flow, connection, document] of [
        ['orders', 'main-erp', 'salesOrder'],
        ['order-postings', 'ledger', 'journalEntry'],
      ] as const) {
        const id = await database.transaction((tx) =>
          given.delivery(tx, event, { flow, connection, document, fanOut: 2 }),
        );
        await database.query(`update delivery set status = 'IN_FLIGHT' where id = $1`, [id]);
        await database.query(
          `update delivery set status = 'DELIVERED', finished_at = clock_timestamp() where id = $1`,
          [id],
        );
      }
    };
    const movers = [0, 1, 2, 3].map(async (lane) => {
      for (let n = lane; n < total; n += 4) await move(n);
    });
    let accepted = 0;
    let looks = 0;
    const look = async (): Promise<boolean> => {
      const { body } = await console.get('/api/v1/status');
      const orders = (body as unknown as Status).flows.find(({ name }) => name === 'orders')!;
      const sum = (words: Record<string, number>): number => Object.values(words).reduce((all, n) => all + n, 0);
      expect(orders.difference).toBe(0);
      expect(orders.accepted).toBe(sum(orders.finished) + sum(orders.unfinished));
      expect(orders.accepted).toBeGreaterThanOrEqual(accepted);
      accepted = orders.accepted;
      looks += 1;
      return false;
    };
    const done = Promise.all(movers).then(() => true);
    while (!(await Promise.race([done, look()])));
    expect(looks).toBeGreaterThan(5);
    const { body } = await console.get('/api/v1/status');
    expect((body as unknown as Status).flows.find(({ name }) => name === 'orders')).toMatchObject({
      accepted: total,
      finished: { delivered: total },
      oldestUnfinishedAt: null,
    });
  });
});
