import { expect, it } from '@jest/globals';
import { getJson, sendJson, until } from '../support/product.ts';
import { sendSigned } from '../support/crm.ts';
import { delivered, settled, status } from '../support/records.ts';
import { createdTwice, effects } from '../support/witness.ts';
import { describePromise, PATIENCE_MS } from './promise.ts';
import { dataOf, webhookIdOf, type Version } from './records.ts';
import type { World } from './world.ts';

const ORDERS = 12;
const CREDENTIALS_ASKED = { file: 'apps/delivery/src/engine/engine.js', find: '?? 300_000', replace: '?? 500' };

interface Failures {
  items: { target: string; errorClass: string; count: number; statuses: Record<string, number>; fixedBy: string }[];
}

/** P4, P6 and P7 where only people at the target can mend it: row F57 of the fault matrix, and credentials that are revoked. */
describePromise('what only others can mend waits for them', { rewrites: [CREDENTIALS_ASKED] }, (world) => {
  it(
    'a closed period holds its postings, named and counted, and they go out once by themselves when it is opened',
    async () => {
      const { sandbox, url } = world();
      await sendJson('PUT', `${sandbox}/faults`, { closedPeriods: ['2026-03'] });
      await sendOrders(world(), 'p');
      const held = await until(
        () => status(url),
        (answer) => unfinished(answer, 'order-postings', 'held') === ORDERS && delivered(answer, 'orders') === ORDERS,
        { within: 60_000, what: 'the orders are there and their postings held' },
      );
      expect(settled(held)).toBe(false);
      expect(unfinished(held, 'order-postings', 'dead') + unfinished(held, 'order-postings', 'parked')).toBe(0);
      // one that is tried again just then is in flight for a moment
      const [group, ...more] = await until(
        async () => {
          const { items } = await getJson<Failures>(`${url}/api/v1/failures`);
          return items.filter(({ target }) => target === 'ledger');
        },
        ([first]) => first?.statuses['HELD_PERIOD'] === ORDERS,
        { within: 60_000, what: 'all postings are held' },
      );
      expect(more).toEqual([]);
      expect(group).toMatchObject({ errorClass: 'CLOSED_PERIOD', count: ORDERS, fixedBy: 'finance' });
      expect(group!.statuses).toEqual({ HELD_PERIOD: ORDERS });
      expect(await effects(sandbox, '?system=finance')).toEqual([]);

      await sendJson('DELETE', `${sandbox}/faults`);
      await until(() => status(url), settled, { within: 60_000, what: 'the postings are there' });
      const posted = await effects(sandbox, '?system=finance');
      expect(posted).toHaveLength(ORDERS);
      expect(new Set(posted.map(({ key }) => key)).size).toBe(ORDERS);
    },
    PATIENCE_MS,
  );

  it.each([
    ['revoked', '401 to everything'],
    ['forbidden', '403 to everything'],
  ])(
    'credentials that are %s (%s) pause their connection alone, burn no attempt, and it resumes when they are good again',
    async (effect) => {
      const { sandbox, url } = world();
      const before = (await effects(sandbox, '?system=finance')).length;
      const ordersBefore = delivered(await status(url), 'orders');
      await sendJson('PUT', `${sandbox}/faults`, [{ match: { system: 'finance' }, effect }]);
      await sendOrders(world(), effect);
      await until(
        () => status(url),
        (answer) =>
          delivered(answer, 'orders') === ordersBefore + ORDERS &&
          unfinished(answer, 'order-postings', 'pending') === ORDERS &&
          answer.connections.find(({ name }) => name === 'ledger')!.state === 'needs_reauth',
        { within: 60_000, what: 'the ledger needs new credentials, and the ERP has its orders' },
      );
      expect((await effects(sandbox, '?system=finance')).length).toBe(before);
      // a few were on their way when the first was refused; from then on probes ask, and no attempt counts
      const tried = await postings(world(), effect);
      expect(tried.map(({ attempts }) => attempts)).toEqual(Array(ORDERS).fill(0));
      const asked = await refused(sandbox);
      expect(asked).toBeGreaterThan(0);
      await until(
        () => refused(sandbox),
        (now) => now >= asked + 3,
        { within: 60_000, what: 'probes are refused' },
      );
      expect(await postings(world(), effect)).toEqual(tried);

      await sendJson('DELETE', `${sandbox}/faults`);
      const last = await until(() => status(url), settled, { within: 60_000, what: 'the postings are there' });
      expect(last.connections.map(({ state }) => state)).toEqual(last.connections.map(() => 'active'));
      const posted = await effects(sandbox, '?system=finance');
      expect(posted).toHaveLength(before + ORDERS);
      expect(createdTwice(posted)).toEqual([]);
      expect(await postings(world(), effect)).toEqual(
        tried.map(({ key }) => ({ key, status: 'DELIVERED', attempts: 1 })),
      );
    },
    PATIENCE_MS,
  );
});

type Answer = Awaited<ReturnType<typeof status>>;
const flow = (answer: Answer, name: string): Answer['flows'][number] =>
  answer.flows.find((each) => each.name === name)!;
const unfinished = (answer: Answer, name: string, word: string): number => flow(answer, name).unfinished[word] ?? 0;

interface Posting {
  key: string;
  status: string;
  /** those that count */
  attempts: number;
}

/** The postings of the orders that were sent with this tag. */
async function postings({ url }: World, tag: string): Promise<Posting[]> {
  const { items } = await getJson<{ items: Posting[] }>(`${url}/api/v1/deliveries?flow=order-postings&limit=200`);
  return items
    .filter(({ key }) => key.startsWith(`acme:order:acme-${tag}`))
    .map(({ key, status: word, attempts }) => ({ key, status: word, attempts }));
}

/** Calls that the first rule of the plan has met, probes too. */
async function refused(sandbox: string): Promise<number> {
  const { rules } = await getJson<{ rules: { applied: number }[] }>(`${sandbox}/faults`);
  return rules[0]!.applied;
}

async function sendOrders({ hooks, secret }: World, tag: string): Promise<void> {
  const versions: Version[] = [
    { entity: 'customer', id: `${tag}c`, version: 1 },
    ...Array.from({ length: ORDERS }, (_, n): Version => ({
      entity: 'order',
      id: `${tag}${n}`,
      version: 1,
      customerId: `${tag}c`,
    })),
  ];
  for (const each of versions) {
    const event = { id: webhookIdOf(each), type: `${each.entity}.updated`, data: dataOf(each) };
    expect((await sendSigned(`${hooks}/acme-crm`, secret, event)).status).toBe(202);
  }
}
