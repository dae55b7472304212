import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { packageRoot } from '#platform';
import { customer, order, sendSigned } from './support/crm.ts';
import { homeWith } from './support/home.ts';
import { freePorts } from './support/ports.ts';
import {
  dataFolder,
  generatedSecretOf,
  getJson,
  sendJson,
  startProduct,
  until,
  type Product,
} from './support/product.ts';
import { settled, status, timeline, type RecordTimeline } from './support/records.ts';
import { effects } from './support/witness.ts';

interface CrmRecord {
  id: string;
  version: number;
  syncStatus: string | null;
  erpNumber: string | null;
  syncReason: string | null;
}

const opportunity = (product: Product, id: string): Promise<CrmRecord> =>
  getJson<CrmRecord>(`${product.sandbox}/crm/opportunities/${id}`);
const generate = async (product: Product, seed: string): Promise<string> => {
  const made = await sendJson<{ orders: { id: string }[] }>('POST', `${product.sandbox}/crm/generate`, {
    orders: 1,
    seed,
  });
  return made.orders[0]!.id;
};
const told = (product: Product, id: string, syncStatus: string): Promise<CrmRecord> =>
  until(
    () => opportunity(product, id),
    (record) => record.syncStatus === syncStatus,
    { within: 60_000, what: `the CRM hears that the order is ${syncStatus}` },
  );
const allSettled = (product: Product): Promise<unknown> =>
  until(() => status(product.url), settled, { within: 60_000, what: 'everything is settled' });

describe('write-back to the sandbox CRM', () => {
  const folder = dataFolder();
  let product: Product;
  beforeAll(async () => {
    product = await startProduct({ data: folder.path, ports: await freePorts() });
  }, 180_000);
  afterAll(async () => {
    expect(await product.stop()).toBe(0);
    folder.remove();
  }, 60_000);

  it("brings the ERP's number and status into the CRM, whose own change comes back once and changes nothing", async () => {
    const id = await generate(product, 'there-and-back');
    const record = await told(product, id, 'SYNCED');
    expect(record).toMatchObject({ erpNumber: expect.stringMatching(/^SO-/), syncReason: null, version: 3 });
    await until(
      () => timeline(product.url, 'order', `sb-${id}`),
      ({ events }) => events.at(-1)!.type === 'crm.order.updated',
      { within: 60_000, what: 'the change comes back' },
    );
    await allSettled(product);
    const customers = await getJson<CrmRecord[]>(`${product.sandbox}/crm/customers`);
    expect(customers).toMatchObject([{ syncStatus: 'SYNCED', erpNumber: expect.stringMatching(/^C-/), version: 2 }]);

    const { events, writtenBack } = await timeline(product.url, 'order', `sb-${id}`);
    expect(events.map(({ type }) => type)).toEqual(['crm.order.created', 'crm.order.won', 'crm.order.updated']);
    expect(events[2]!.deliveries.map((delivery) => [delivery.status, delivery.hops])).toEqual([
      ['SKIPPED_NOCHANGE', 1],
      ['SKIPPED_NOCHANGE', 1],
    ]);
    expect(writtenBack.map((delivery) => delivery.status)).toEqual(['DELIVERED', 'SKIPPED_NOCHANGE']);
    expect(await opportunity(product, id)).toEqual(record);
  });

  it('survives a CRM that takes it and never says so, and tells a refusal with its reason and that it is over', async () => {
    await sendJson('PUT', `${product.sandbox}/faults`, [
      { match: { system: 'crm', method: 'PUT' }, times: 2, effect: 'reset-after' },
      { match: { system: 'erp', path: '^/sales-orders' }, effect: { kind: 'status', status: 422 } },
    ]);
    const id = await generate(product, 'refused');
    expect(await told(product, id, 'REFUSED')).toMatchObject({
      erpNumber: null,
      syncReason: expect.stringContaining('422'),
    });
    await sendJson('DELETE', `${product.sandbox}/faults`);
    await sendJson('PATCH', `${product.sandbox}/crm/opportunities/${id}`, { purchaseOrderRef: 'PO 9' });
    expect(await told(product, id, 'SYNCED')).toMatchObject({
      erpNumber: expect.stringMatching(/^SO-/),
      syncReason: null,
    });
    await allSettled(product);
    const done = await effects(product.sandbox, `?system=erp&key=acme:order:sb-${id}`);
    expect(done.filter(({ operation }) => operation === 'create')).toHaveLength(1);
    const metrics = await (await fetch(`${product.metrics}/metrics`)).text();
    expect(metrics).toMatch(/conservation_difference\{equation="captured"\} 0/);
    expect(metrics).toMatch(/conservation_difference\{equation="fan-out"\} 0/);
  });
});

describe('mappings that change something with each echo', () => {
  const folder = dataFolder();
  let home: { path: string; remove(): void };
  let product: Product;
  let crm: Server;
  let hook = '';
  let sent = 0;
  /** a CRM of other people that answers each write of ours with two webhooks about the same record */
  const echo = async (id: string): Promise<void> => {
    const secret = generatedSecretOf(folder.path, 'acme-crm');
    for (const what of ['updated', 'touched'])
      await sendSigned(hook, secret, { id: `echo-${++sent}`, type: `order.${what}`, data: order(id, 'c1', sent + 1) });
  };

  beforeAll(async () => {
    crm = createServer((request, response) => {
      request.resume();
      const id = /opportunities\/([^/]+)\/sync/.exec(request.url!)?.[1];
      const done = id === undefined ? Promise.resolve() : echo(id);
      void done.then(() => response.writeHead(200, { 'content-type': 'application/json' }).end(`{"id":"${id}"}`));
    }).listen(0, '127.0.0.1');
    await once(crm, 'listening');
    const { port } = crm.address() as AddressInfo;
    home = homeWith([]);
    writeFileSync(join(home.path, 'crossdock.yaml'), withAcmeAsTarget(home.path, port));
    for (const [mapping, from, to] of [
      ['order-to-erp', /^ {2}note: .*$/m, '  note: { template: "version {$version}", then: [{ truncate: 99 }] }'],
      [
        'result-to-opportunity',
        /^ {2}reason: .*$/m,
        '  reason: { template: "version {$version}", then: [{ truncate: 99 }] }',
      ],
    ] as const) {
      const text = readFileSync(join(packageRoot(), `schemas/mappings/${mapping}.yaml`), 'utf8');
      mkdirSync(join(home.path, 'schemas/mappings'), { recursive: true });
      writeFileSync(join(home.path, `schemas/mappings/${mapping}.yaml`), text.replace(from, to));
    }
    product = await startProduct({
      data: folder.path,
      home: home.path,
      ports: await freePorts(),
      env: { CROSSDOCK_SANDBOX: 'on' },
    });
    hook = `${product.url}/hooks/acme-crm`;
  }, 180_000);
  afterAll(async () => {
    expect(await product.stop()).toBe(0);
    crm.close();
    home.remove();
    folder.remove();
  }, 60_000);

  const stopped = async (id: string): Promise<RecordTimeline> => {
    const held = (record: RecordTimeline): boolean =>
      record.events.at(-1)!.deliveries.some((delivery) => delivery.status === 'HELD_REVIEW');
    await until(() => timeline(product.url, 'order', id), held, { within: 60_000, what: `${id} is held` });
    await until(
      () => status(product.url),
      ({ flows, outbox, capture }) =>
        outbox.unpublished + capture.pending === 0 &&
        flows.every(
          ({ unfinished, difference }) =>
            difference === 0 && Object.entries(unfinished).every(([word, n]) => word === 'held' || n === 0),
        ),
      { within: 60_000, what: 'nothing moves any more' },
    );
    return timeline(product.url, 'order', id);
  };

  it('stop at the fourth hop of a service that appends, and say why', async () => {
    const id = await generate(product, 'evil');
    const { events } = await stopped(`sb-${id}`);
    const orders = events.map(({ deliveries }) => deliveries.find(({ flow }) => flow === 'orders')!);
    // the deal is created and won at once: whoever finds both waiting takes the newer one alone
    expect(orders.map((delivery) => [delivery.hops ?? 0, delivery.status])).toEqual([
      [0, expect.stringMatching(/^(IGNORED|RESOLVED_SUPERSEDED)$/)],
      [0, 'DELIVERED'],
      [1, 'DELIVERED'],
      [2, 'DELIVERED'],
      [3, 'DELIVERED'],
      [4, 'HELD_REVIEW'],
    ]);
    expect(orders.at(-1)!.review).toContain('went around 4 times between our own writes and the source');
  });

  it('stop at the fourth hop of a CRM that sends two webhooks for each of our writes', async () => {
    const secret = generatedSecretOf(folder.path, 'acme-crm');
    await sendSigned(hook, secret, { id: 'first-c', type: 'customer.created', data: customer('c1') });
    await sendSigned(hook, secret, { id: 'first-o', type: 'order.won', data: order('o1', 'c1', 1) });
    const { events } = await stopped('acme-o1');
    expect(events.length).toBeLessThan(2 ** 6);
    const orders = events.map(({ deliveries }) => deliveries.find(({ flow }) => flow === 'orders')!);
    expect(Math.max(...orders.map(({ hops = 0 }) => hops))).toBe(4);
    for (const delivery of orders.filter(({ hops }) => hops === 4)) expect(delivery.status).not.toBe('DELIVERED');
  });
});

/** The example with one more write-back: to the CRM of other people, at `port`. */
function withAcmeAsTarget(home: string, port: number): string {
  const text = readFileSync(join(home, 'crossdock.yaml'), 'utf8');
  const start = text.indexOf('  sandbox-crm-api:');
  const own = text.slice(start, text.indexOf('\nflows:', start));
  const other = own
    .replace('sandbox-crm-api:', 'acme-api:')
    .replace('idPrefix: sb-', 'idPrefix: acme-')
    .replace('sandbox:/crm', `http://127.0.0.1:${port}`);
  const flow = `  acme-numbers:\n    on: sync.result\n    from: [acme-crm]\n    of: [orders]\n    to: acme-api\n    mapping: result-to-opportunity\n`;
  return `${text.replace(own, `${own}\n${other}`).trimEnd()}\n${flow}`;
}
