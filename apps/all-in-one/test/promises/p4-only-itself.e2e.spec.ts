import { expect, it } from '@jest/globals';
import { getJson, sendJson, until } from '../support/product.ts';
import { sendSigned } from '../support/crm.ts';
import { settled, status, sum } from '../support/records.ts';
import { effects } from '../support/witness.ts';
import { describePromise, PATIENCE_MS } from './promise.ts';
import { dataOf, keyOf, webhookIdOf, type Version } from './records.ts';
import type { World } from './world.ts';

const CUSTOMERS = 12;

/**
 * P4. Rows F35 (at capture: what can never become an event), F48 and F50 of the fault matrix; F28 and F35 on the log are
 * in apps/relay and libs/testing/src/event-log.
 */
describePromise('P4: one bad event, one sick key, one slow target delays only itself', {}, (world) => {
  it(
    'while one customer hangs, one event can never become one, one order is refused, and the ledger answers nothing',
    async () => {
      const { sandbox, url } = world();
      const customers = Array.from({ length: CUSTOMERS }, (_, n): Version => ({
        entity: 'customer',
        id: `c${n}`,
        version: 1,
      }));
      const orders = customers.map(({ id }, n): Version => ({
        entity: 'order',
        id: `o${n}`,
        version: 1,
        customerId: id,
      }));
      const [hung, refused] = [keyOf(customers[3]!), keyOf(orders[5]!)];
      await sendJson('PUT', `${sandbox}/faults`, [
        { match: { key: `^${hung}$` }, effect: 'hang' },
        { match: { system: 'erp', key: `^${refused}$` }, effect: { kind: 'status', status: 422 } },
        { match: { system: 'finance' }, effect: 'hang' },
      ]);
      const poison = { ...dataOf(orders[7]!), currency: 'XXX' };
      expect(await send(world(), { id: 'poison', type: 'order.updated', data: poison })).toBe(202);
      for (const each of [...customers, ...orders])
        expect(await send(world(), { id: webhookIdOf(each), type: `${each.entity}.updated`, data: dataOf(each) })).toBe(
          202,
        );

      const sick = [hung, refused, keyOf(orders[3]!)]; // the order of the customer that hangs waits for it, and only it
      const well = [...customers, ...orders].map(keyOf).filter((key) => !sick.includes(key));
      const served = async (): Promise<string[]> =>
        (await effects(sandbox, '?system=erp'))
          .map(({ key }) => key)
          .filter((key) => well.includes(key))
          .sort();
      await until(served, (keys) => keys.length === well.length, { within: 60_000, what: 'all others are served' });
      expect(await served()).toEqual(well.toSorted());
      const captured = await getJson<{ items: { status: string }[] }>(`${url}/api/v1/captured?status=rejected`);
      expect(captured.items).toHaveLength(1); // shown with its reason, in nobody's way: the same order arrived

      await sendJson('DELETE', `${sandbox}/faults`);
      const last = await until(
        () => status(url),
        (answer) => answer.flows.every(({ unfinished }) => sum(unfinished) === unfinished['dead']),
        { within: 60_000, what: 'what was sick is well' },
      );
      const dead = last.flows.filter(({ unfinished }) => unfinished['dead']! > 0).map(({ name }) => name);
      expect(dead).toEqual(['orders']); // the refused one is for a person
      expect(settled(last)).toBe(false); // and nothing says that all is well
      expect(new Set((await effects(sandbox, '?system=finance')).map(({ key }) => key)).size).toBe(CUSTOMERS);
    },
    PATIENCE_MS,
  );
});

async function send({ hooks, secret }: World, event: { id: string; type: string; data: unknown }): Promise<number> {
  return (await sendSigned(`${hooks}/acme-crm`, secret, event)).status;
}
