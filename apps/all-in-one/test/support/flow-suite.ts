import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { CloudEvent, HTTP } from 'cloudevents';
import { createHmac } from 'node:crypto';
import { customer, order, sendSigned } from './crm.ts';
import { freePorts } from './ports.ts';
import { dataFolder, generatedSecretOf, getJson, sendJson, startProduct, until, type Product } from './product.ts';
import { status, timeline, wentThrough } from './records.ts';
import { createdTwice, effects } from './witness.ts';

/** The thinnest honest path from outside, the same on every event log. `args` start the product on it. */
export function describeFlow(name: string, args: readonly string[]): void {
  describe(`the whole product ${name}`, () => {
    const folder = dataFolder();
    let product: Product;
    beforeAll(async () => {
      product = await startProduct({ data: folder.path, ports: await freePorts(), args });
    }, 180_000);
    afterAll(async () => {
      expect(await product.stop()).toBe(0);
      folder.remove();
    }, 60_000);

    it('carries a won order of the CRM into one customer, one sales order and one balanced journal entry', async () => {
      await sendJson('POST', `${product.sandbox}/crm/generate`, { orders: 1 });
      await until(() => status(product.url), wentThrough, { within: 60_000, what: 'the order arrives' });
      const done = await effects(product.sandbox);
      expect(done.filter((effect) => effect.document === 'salesOrder')).toHaveLength(1);
      expect(done.filter((effect) => effect.document === 'customer').map((effect) => effect.key)).toHaveLength(1);
      const entries = done.filter((effect) => effect.system === 'finance');
      expect(entries).toHaveLength(1);
      const { items } = await getJson<{ items: { lines: { debit?: number; credit?: number }[] }[] }>(
        `${product.sandbox}/finance/journal-entries`,
      );
      const cents = (side: 'debit' | 'credit'): number =>
        Math.round(items[0]!.lines.reduce((total, line) => total + Number(line[side] ?? 0), 0) * 100);
      expect(cents('debit')).toBeGreaterThan(0);
      expect(cents('debit')).toBe(cents('credit'));

      const key = entries[0]!.key;
      const record = await timeline(product.url, 'order', key.split(':')[2]!);
      const won = record.events.find((event) => event.deliveries.some((delivery) => delivery.status === 'DELIVERED'))!;
      expect(won).toMatchObject({ topic: 'crm.order.v1' });
      expect(won.deliveries.map((delivery) => [delivery.target, delivery.status]).sort()).toEqual([
        ['ledger', 'DELIVERED'],
        ['main-erp', 'DELIVERED'],
      ]);
      for (const delivery of won.deliveries) expect(delivery.attempts.at(-1)).toMatchObject({ outcome: 'done' });
    });

    it('takes an event signed by the reference library of Standard Webhooks', async () => {
      const hook = `${product.url}/hooks/acme-crm`;
      const secret = generatedSecretOf(folder.path, 'acme-crm');
      const sent = await sendSigned(hook, secret, { id: 'msg-c1', type: 'customer.created', data: customer('c1') });
      expect(sent).toMatchObject({ status: 202, body: { items: [{ result: 'accepted' }] } });
      await sendSigned(hook, secret, { id: 'msg-o1', type: 'order.won', data: order('o1', 'c1') });
      await until(
        () => timeline(product.url, 'order', 'acme-o1'),
        (record) => delivered(record, 2),
        {
          within: 60_000,
          what: 'the signed order arrives',
        },
      );
      expect(
        (await effects(product.sandbox, '?key=acme:order:acme-o1')).map((effect) => effect.document).sort(),
      ).toEqual(['journalEntry', 'salesOrder']);
    });

    it('takes the journal entry of an order back before it posts what the order became, and when it is cancelled', async () => {
      const hook = `${product.url}/hooks/acme-crm`;
      const secret = generatedSecretOf(folder.path, 'acme-crm');
      const versions = [
        order('o7', 'c7'),
        {
          ...order('o7', 'c7', 2),
          tax: { amount: '7.04', currency: 'EUR' },
          gross: { amount: '107.54', currency: 'EUR' },
        },
        order('o7', 'c7', 3, 'CANCELLED'),
      ];
      await sendSigned(hook, secret, { id: 'msg-c7', type: 'customer.created', data: customer('c7') });
      for (const [at, data] of versions.entries()) {
        await sendSigned(hook, secret, { id: `msg-o7-${at}`, type: 'order.changed', data });
        await until(
          () => timeline(product.url, 'order', 'acme-o7'),
          (record) =>
            record.events.length === at + 1 &&
            record.events.every((event) =>
              event.deliveries.some((each) => each.target === 'ledger' && each.status === 'DELIVERED'),
            ),
          { within: 60_000, what: `version ${at + 1} is in the ledger` },
        );
      }
      const entries = await effects<{ body: string }>(
        product.sandbox,
        '?system=finance&key=acme:order:acme-o7&bodies=true',
      );
      const balance = (account: string): number[] =>
        entries.map(({ body }) => {
          const { lines } = JSON.parse(body) as { lines: { account: string; debit?: number; credit?: number }[] };
          const line = lines.find((each) => each.account === account)!;
          return (line.debit ?? 0) - (line.credit ?? 0);
        });
      expect(balance('1400')).toEqual([119.6, -119.6, 107.54, -107.54]);
      expect(entries.map(({ requestKey }) => requestKey.split(':')[1] ?? '')).toEqual(['', 'reversal', '', 'reversal']);
    });

    it('replays events through the log, and changes nothing of what went through as it is', async () => {
      const before = await effects(product.sandbox);
      const accepted = async (): Promise<number> =>
        (await status(product.url)).flows.reduce((sum, flow) => sum + flow.accepted, 0);
      const counted = await accepted();
      const { commandId } = await sendJson<{ commandId: string }>('POST', `${product.url}/api/v1/replays`, {
        reason: 'the mapping is the same',
        entity: 'order',
        recordId: 'acme-o1',
        resend: 'changed',
      });
      const replayed = await until(
        () => getJson<{ outcomes: { outcome: string; note: string }[] }>(`${product.url}/api/v1/replays/${commandId}`),
        ({ outcomes }) => outcomes.length === 2,
        { within: 60_000, what: 'both flows met their replay' },
      );
      expect(replayed.outcomes.map(({ outcome }) => outcome)).toEqual(['nothing', 'nothing']);
      expect(replayed.outcomes[0]!.note).toContain('the same content');
      expect(await effects(product.sandbox)).toEqual(before);
      expect(await accepted()).toBe(counted);
      expect((await status(product.url)).flows.map(({ difference }) => difference).every((each) => each === 0)).toBe(
        true,
      );
    });

    it('takes an event made by the CloudEvents library', async () => {
      const event = new CloudEvent({ source: '/crm', type: 'crm.customer.created', id: 'ce-1', data: customer('c9') });
      const message = HTTP.structured(event);
      const body = message.body as string;
      const secret = generatedSecretOf(folder.path, 'acme-events');
      const response = await fetch(`${product.url}/hooks/acme-events`, {
        method: 'POST',
        headers: {
          ...(message.headers as Record<string, string>),
          'x-signature': createHmac('sha256', secret).update(body).digest('hex'),
        },
        body,
      });
      expect(response.status).toBe(202);
      await until(
        () => timeline(product.url, 'customer', 'ev-c9'),
        (record) => delivered(record, 1),
        {
          within: 60_000,
          what: 'the customer arrives',
        },
      );
    });

    it('holds an order that comes before its customer, and lets it follow by itself when the customer arrives', async () => {
      const hook = `${product.url}/hooks/acme-crm`;
      const secret = generatedSecretOf(folder.path, 'acme-crm');
      await sendSigned(hook, secret, { id: 'msg-o2', type: 'order.won', data: order('o2', 'c2') });
      const held = await until(
        () => timeline(product.url, 'order', 'acme-o2'),
        (record) => record.events[0]?.deliveries.some((delivery) => delivery.status === 'HELD_DEPENDENCY') ?? false,
        { within: 60_000, what: 'the order is held' },
      );
      const waiting = held.events[0]!.deliveries.find((delivery) => delivery.status === 'HELD_DEPENDENCY')!;
      expect(JSON.stringify(waiting.waitingFor)).toContain('acme:customer:acme-c2');
      expect(await effects(product.sandbox, '?system=erp&key=acme:order:acme-o2')).toEqual([]);

      await sendSigned(hook, secret, { id: 'msg-c2', type: 'customer.created', data: customer('c2') });
      await until(
        () => timeline(product.url, 'order', 'acme-o2'),
        (record) => delivered(record, 2),
        {
          within: 60_000,
          what: 'the order follows its customer',
        },
      );
      expect(createdTwice(await effects(product.sandbox))).toEqual([]);
    });
  });
}

function delivered(record: Awaited<ReturnType<typeof timeline>>, count: number): boolean {
  return record.events.some(
    (event) => event.deliveries.filter((delivery) => delivery.status === 'DELIVERED').length === count,
  );
}
