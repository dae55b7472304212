import { afterEach, describe, expect, it } from '@jest/globals';
import { homeWith } from './home.ts';
import { customer, sendSigned } from './crm.ts';
import { freePorts } from './ports.ts';
import {
  dataFolder,
  generatedSecretOf,
  getJson,
  sendJson,
  startProduct,
  startSandboxAlone,
  until,
  type Product,
} from './product.ts';
import { accepted, delivered, settled, status } from './records.ts';
import { createdTwice, effects, type Effect } from './witness.ts';

const CUSTOMERS = 40;
const VERSIONS = 6;

const postedOrders = { system: 'erp', method: 'POST', path: '^/sales-orders$' };

/** What the ERP does to some of the orders while the product is killed; `npm run promises` does it to many more, on both logs. */
const SICK = [
  {
    orders: 300,
    erp: 'applies some orders and never answers',
    rules: [{ match: postedOrders, times: 40, effect: 'apply-and-never-answer' }],
  },
  {
    orders: 300,
    erp: 'applies some orders five seconds after we gave up',
    rules: [{ match: postedOrders, times: 40, effect: { kind: 'apply-late', afterMs: 6_000 } }],
  },
];

/** `args` start the product on one event log; `orders` of an ERP that is well. */
export function describeKill(name: string, args: readonly string[], orders: number, { sick }: { sick: boolean }): void {
  describe(`kill -9 of the whole process in the middle of its work, ${name}`, () => {
    const cleanUp: (() => Promise<unknown> | void)[] = [];
    afterEach(async () => {
      for (const undo of cleanUp.splice(0).reverse()) await undo();
    });

    it.each([{ orders, erp: 'answers normally', rules: [] }, ...(sick ? SICK : [])])(
      'an ERP that $erp ends with each of $orders orders once',
      async ({ orders, rules }) => {
        const folder = dataFolder();
        cleanUp.push(() => folder.remove());
        const ports = await freePorts();
        // one second of patience, and a settle time that covers what comes five seconds later
        const home = homeWith([
          ['timeout: 5s', 'timeout: 1s'],
          ['settle: 10s', 'settle: 8s'],
          ['baseUrl: sandbox:', `baseUrl: http://127.0.0.1:${ports.sandbox}`],
        ]);
        cleanUp.push(() => home.remove());
        const start = (): Promise<Product> =>
          startProduct({ data: folder.path, home: home.path, ports, sandboxElsewhere: true, args });

        let product = await start();
        cleanUp.push(() => product.stop());
        cleanUp.push(await startSandboxAlone({ data: folder.path, home: home.path, ports }));
        await sendJson('PUT', `${product.sandbox}/faults`, rules);
        // the CRM loses its database for a moment when the product comes back: the second call below makes the rest
        const generating = sendJson('POST', `${product.sandbox}/crm/generate`, { orders, seed: 'kill' }).then(
          () => 'whole',
          (error: Error) => error.message,
        );
        const changing = changeCustomers(() => product.url, generatedSecretOf(folder.path, 'acme-crm'));
        await until(
          () => effects(product.sandbox, '?system=erp'),
          (done) => created(done).length >= orders / 5,
          { within: 120_000, what: 'a fifth of the orders' },
        );
        await product.kill();

        product = await start();
        await changing;
        expect(await generating).toMatch(/^whole|: 50\d /);
        await sendJson('POST', `${product.sandbox}/crm/generate`, { orders, seed: 'kill' });
        await until(
          () => status(product.url),
          (answer) =>
            settled(answer) &&
            delivered(answer, 'orders') >= orders &&
            delivered(answer, 'order-postings') === orders &&
            accepted(answer, 'customers') >= CUSTOMERS * VERSIONS,
          { within: 240_000, what: 'all orders are finished' },
        );
        const plan = await getJson<{ rules: { times: number; applied: number }[] }>(`${product.sandbox}/faults`);
        expect(plan.rules.map((rule) => rule.applied)).toEqual(plan.rules.map((rule) => rule.times)); // the faults took place
        const done = await effects(product.sandbox);
        expect(createdTwice(done)).toEqual([]);
        expect(created(done)).toHaveLength(orders);
        expect(done.filter((effect) => effect.document === 'journalEntry')).toHaveLength(orders);
        expect(outOfOrder(await versionsOf(product.sandbox))).toEqual([]);
      },
      400_000,
    );
  });
}

/** Sends every version of some customers, oldest first, and each until it is answered 2xx: the product is killed meanwhile. */
async function changeCustomers(url: () => string, secret: string): Promise<void> {
  const send = async (id: string, version: number): Promise<void> => {
    const data = { ...customer(id, version), name: `Nordlicht Werke ${id} v${version}` };
    await until(
      () => sendSigned(`${url()}/hooks/acme-crm`, secret, { id: `${id}-${version}`, type: 'customer.updated', data }),
      (answer) => answer.status === 202 || answer.status === 200,
      { within: 120_000, what: `customer ${id} version ${version} is taken` },
    );
  };
  for (let version = 1; version <= VERSIONS; version++)
    await Promise.all(Array.from({ length: CUSTOMERS }, (_, n) => send(`k${n}`, version)));
}

/** The versions of each customer in the order in which they took effect. */
async function versionsOf(sandbox: string): Promise<Map<string, number[]>> {
  const seen = new Map<string, number[]>();
  for (const effect of await effects<{ body: string }>(sandbox, '?system=erp&bodies=true')) {
    const version = / v(\d+)$/.exec((JSON.parse(effect.body) as { name?: string }).name ?? '')?.[1];
    if (effect.document === 'customer' && version !== undefined)
      seen.set(effect.key, [...(seen.get(effect.key) ?? []), Number(version)]);
  }
  return seen;
}

/** Customers whose versions went back, or whose newest did not arrive. */
function outOfOrder(versions: ReadonlyMap<string, readonly number[]>): string[] {
  const wrong = [...versions].filter(
    ([, list]) => list.at(-1) !== VERSIONS || list.some((version, at) => at > 0 && version < list[at - 1]!),
  );
  const missing = versions.size === CUSTOMERS ? [] : [`${CUSTOMERS - versions.size} customers are missing`];
  return [...wrong.map(([key, list]) => `${key}: ${list.join(' ')}`), ...missing];
}

const created = (done: readonly Effect[]): Effect[] =>
  done.filter((effect) => effect.document === 'salesOrder' && effect.operation === 'create');
